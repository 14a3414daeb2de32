// SPDX-License-Identifier: Apache-2.0
// The slow ways out of an HTTP session: replies that are made while they are sent, and replies that
// are held back.
#include <algorithm>

#include <fmt/format.h>

#include "devnode/http_session.hpp"

namespace sluice::devnode {
namespace {

constexpr std::size_t kBlockBytes = 65536;
/// Pieces of a slow body that are sent in a second, where the rate allows as many.
constexpr std::uint64_t kPiecesPerSecond = 50;

}  // namespace

/// Memory stays at one block whatever the size of the reply.
Task<void> HttpSession::stream_fill() {
  const bool whole = wire_.fill == reply_.fill;
  const std::string tail = whole ? reply_.tail : std::string();
  std::string block = reply_.body;
  std::string chunk;
  std::uint64_t left = wire_.fill;
  while (left > 0 || !block.empty()) {
    const std::size_t room = kBlockBytes - std::min(kBlockBytes, block.size());
    const auto filler = static_cast<std::size_t>(std::min<std::uint64_t>(left, room));
    block.append(filler, 'x');
    left -= filler;
    if (left == 0) block += tail;
    if (wire_.chunked) {
      chunk = fmt::format("{:x}\r\n{}\r\n", block.size(), block);
      if (left == 0 && whole) chunk += "0\r\n\r\n";
    }
    const std::string& piece = wire_.chunked ? chunk : block;
    const bool sent = co_await send(piece.data(), piece.size());
    if (!sent || left == 0) co_return;
    block.clear();
  }
}

Task<void> HttpSession::send_slowly(std::size_t from, std::uint64_t bytes_per_second) {
  bool sent = co_await send(wire_.bytes.data(), std::min(from, wire_.bytes.size()));
  if (!sent) co_return;
  const std::uint64_t piece = std::max<std::uint64_t>(bytes_per_second / kPiecesPerSecond, 1);
  const Duration gap(std::chrono::nanoseconds(std::chrono::seconds(1)) * piece / bytes_per_second);
  while (from < wire_.bytes.size()) {
    const std::size_t size = std::min<std::size_t>(wire_.bytes.size() - from, piece);
    co_await pause(gap);
    if (!socket_.is_open()) co_return;
    sent = co_await send(wire_.bytes.data() + from, size);
    if (!sent) co_return;
    from += size;
  }
  if (wire_.fill > 0) co_await stream_fill();
  if (wire_.close_after) close();
}

}  // namespace sluice::devnode
