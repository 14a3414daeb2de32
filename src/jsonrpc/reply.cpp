// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/reply.hpp"

#include <array>
#include <charconv>

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

}  // namespace

ReplyKey reply_key(std::string_view raw) noexcept {
  if (raw == "result") return ReplyKey::kResult;
  if (raw == "id") return ReplyKey::kId;
  if (raw == "error") return ReplyKey::kError;
  if (raw.find('\\') == std::string_view::npos) return ReplyKey::kOther;
  if (equals_unescaped(raw, "result")) return ReplyKey::kResult;
  if (equals_unescaped(raw, "id")) return ReplyKey::kId;
  return equals_unescaped(raw, "error") ? ReplyKey::kError : ReplyKey::kOther;
}

ReplyView parse_reply(std::string_view body, std::size_t depth_max) {
  std::array<std::string_view, 3> tokens;
  bool repeated = false;
  const char* const begin = body.data();
  const char* const end = begin + body.size();
  Nesting nesting(depth_max);
  const auto visit = [&](std::string_view key, std::string_view value) {
    const ReplyKey which = reply_key(key);
    if (which == ReplyKey::kOther) return;
    auto& token = tokens[static_cast<std::size_t>(which)];
    repeated = repeated || !token.empty();
    token = value;
  };
  const char* const p = scan_object(skip_space(begin, end), end, nesting, visit);
  if (p == nullptr || skip_space(p, end) != end || repeated) return {};

  ReplyView reply{.id = tokens[0], .result = tokens[1], .error = tokens[2]};
  if (reply.error == "null") reply.error = {};
  if (reply.result.empty() && reply.error.empty()) return {};
  reply.valid = true;
  reply.is_error = !reply.error.empty();
  if (reply.is_error) read_error(reply, depth_max);
  return reply;
}

bool id_equals(std::string_view raw_id, std::uint64_t expected) noexcept {
  if (raw_id.size() >= 2 && raw_id.front() == '"' && raw_id.back() == '"') {
    raw_id = raw_id.substr(1, raw_id.size() - 2);
  }
  std::array<char, 20> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), expected);
  return raw_id == std::string_view(digits.data(), written.ptr);
}

}  // namespace sluice::jsonrpc
