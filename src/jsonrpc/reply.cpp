// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/reply.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "jsonrpc/reply_array.hpp"
#include "jsonrpc/scan.hpp"
#include "jsonrpc/unescape.hpp"

namespace sluice::jsonrpc {
namespace {

std::int64_t integer_or_zero(std::string_view token) noexcept {
  std::int64_t value = 0;
  const char* const begin = token.data();
  const char* const end = begin + token.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc() && stop == end ? value : 0;
}

/// The token has been scanned before, so that this cannot fail. Of repeated members the last
/// counts.
void read_error(ReplyView& reply, std::size_t depth_max) {
  const std::string_view error = reply.error;
  if (error.front() == '"') reply.message = error.substr(1, error.size() - 2);
  if (error.front() != '{') return;
  Nesting nesting(depth_max);
  const auto visit = [&reply](std::string_view key, std::string_view value) {
    if (equals_unescaped(key, "code")) {
      reply.code = integer_or_zero(value);
    } else if (equals_unescaped(key, "data")) {
      reply.data = value;
    } else if (equals_unescaped(key, "message")) {
      reply.message = value.front() == '"' ? value.substr(1, value.size() - 2) : "";
    }
  };
  static_cast<void>(scan_object(error.data(), error.data() + error.size(), nesting, visit));
}

/// One object at p. Returns the byte after it, or null where the grammar breaks; `reply` is valid
/// if it is a reply as well.
const char* read_reply(const char* p, const char* end, std::size_t depth_max, ReplyView& reply) {
  std::array<std::string_view, 3> tokens;
  bool repeated = false;
  Nesting nesting(depth_max);
  const auto visit = [&](std::string_view key, std::string_view value) {
    const ReplyKey which = reply_key(key);
    if (which == ReplyKey::kOther) return;
    auto& token = tokens[static_cast<std::size_t>(which)];
    repeated = repeated || !token.empty();
    token = value;
  };
  const char* const after = scan_object(p, end, nesting, visit);
  if (after == nullptr || repeated) return after;
  if (tokens[2] == "null") tokens[2] = {};
  if (tokens[1].empty() && tokens[2].empty()) return after;
  reply.valid = true;
  reply.id = tokens[0];
  reply.result = tokens[1];
  reply.error = tokens[2];
  reply.is_error = !reply.error.empty();
  if (reply.is_error) read_error(reply, depth_max);
  return after;
}

}  // namespace

ReplyKey reply_key(std::string_view raw) noexcept {
  // By size first: nearly every reply has jsonrpc, id and result.
  switch (raw.size()) {
    case 2:
      if (std::memcmp(raw.data(), "id", 2) == 0) return ReplyKey::kId;
      break;
    case 5:
      if (std::memcmp(raw.data(), "error", 5) == 0) return ReplyKey::kError;
      break;
    case 6:
      if (std::memcmp(raw.data(), "result", 6) == 0) return ReplyKey::kResult;
      break;
    case 7:
      if (std::memcmp(raw.data(), "jsonrpc", 7) == 0) return ReplyKey::kOther;
      break;
    default:
      break;
  }
  if (raw.find('\\') == std::string_view::npos) return ReplyKey::kOther;
  if (equals_unescaped(raw, "result")) return ReplyKey::kResult;
  if (equals_unescaped(raw, "id")) return ReplyKey::kId;
  return equals_unescaped(raw, "error") ? ReplyKey::kError : ReplyKey::kOther;
}

ReplyView parse_reply(std::string_view body, std::size_t depth_max) {
  const char* const end = body.data() + body.size();
  ReplyView reply;
  const char* const p = read_reply(skip_space(body.data(), end), end, depth_max, reply);
  if (p == nullptr || skip_space(p, end) != end) return {};
  return reply;
}

ReplyArray::ReplyArray(std::string_view body, std::size_t depth_max) noexcept
    : at_(skip_space(body.data(), body.data() + body.size())),
      end_(body.data() + body.size()),
      // The array is one level itself.
      depth_max_(depth_max - 1),
      is_array_(at_ != end_ && *at_ == '[') {}

std::optional<ReplyView> ReplyArray::next() {
  if (at_ == nullptr || !is_array_) return std::nullopt;
  const char* p = skip_space(std::exchange(at_, nullptr), end_);
  const bool first = std::exchange(first_, false);
  if (first) p = skip_space(p + 1, end_);
  if (p != end_ && *p == ']') {
    complete_ = skip_space(p + 1, end_) == end_;
    return std::nullopt;
  }
  if (!first) {
    if (p == end_ || *p != ',') return std::nullopt;
    p = skip_space(p + 1, end_);
  }
  ReplyView reply;
  if (p != end_ && *p == '{') {
    at_ = read_reply(p, end_, depth_max_, reply);
  } else {
    Nesting nesting(depth_max_);
    at_ = scan_value(p, end_, nesting);
  }
  if (at_ == nullptr) return std::nullopt;
  return reply;
}

std::optional<std::uint64_t> plain_id(std::string_view raw_id) noexcept {
  if (raw_id.size() >= 2 && raw_id.front() == '"' && raw_id.back() == '"') {
    raw_id = raw_id.substr(1, raw_id.size() - 2);
  }
  // Numbers of so many digits all fit into 64 bits.
  constexpr std::size_t kDigitsSafe = 19;
  if (raw_id.empty() || raw_id.size() > kDigitsSafe + 1) return std::nullopt;
  if (raw_id.front() == '0' && raw_id.size() > 1) return std::nullopt;
  std::uint64_t id = 0;
  for (const char c : raw_id.substr(0, kDigitsSafe)) {
    if (c < '0' || c > '9') return std::nullopt;
    id = id * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (raw_id.size() <= kDigitsSafe) return id;
  const auto last = std::from_chars(raw_id.data(), raw_id.data() + raw_id.size(), id);
  if (last.ec != std::errc() || last.ptr != raw_id.data() + raw_id.size()) return std::nullopt;
  return id;
}

}  // namespace sluice::jsonrpc
