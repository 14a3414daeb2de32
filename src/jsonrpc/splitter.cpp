// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/splitter.hpp"

#include <array>

#include "jsonrpc/codes.hpp"
#include "jsonrpc/envelope_key.hpp"
#include "jsonrpc/unescape.hpp"

namespace sluice::jsonrpc {
namespace {

constexpr std::string_view kNullId = "null";

/// The longest escape of one byte is \u00XX.
constexpr std::size_t kEscapedBytesMax = 6;

std::string_view unquoted(std::string_view token) noexcept {
  return token.substr(1, token.size() - 2);
}

bool is_string(std::string_view token) noexcept {
  return token.front() == '"';
}

bool usable_id(std::string_view token, std::size_t bytes_max) noexcept {
  const char first = token.front();
  const bool typed = first == '"' || first == '-' || first == 'n' || is_byte(first, kDigitByte);
  return typed && token.size() <= bytes_max;
}

bool is_version_2(std::string_view token) noexcept {
  if (token == "\"2.0\"") return true;
  return !token.empty() && is_string(token) && equals_unescaped(unquoted(token), "2.0");
}

bool usable_params(std::string_view token) noexcept {
  return token.empty() || token.front() == '[' || token.front() == '{' || token.front() == 'n';
}

void refuse(CallView& call, int code, std::string_view text) noexcept {
  if (call.error_code != 0) return;
  call.error_code = code;
  call.error_text = text;
}

}  // namespace

/// The raw members of one request object; of repeated ones the first.
struct Splitter::Envelope {
  std::array<std::string_view, 4> tokens;
  unsigned clashes = 0;  ///< a bit for each key that is repeated or has a look-alike

  void note(std::string_view key, std::string_view value) noexcept {
    const KeyMatch match = match_key(key);
    if (match.key == EnvelopeKey::kOther) return;
    auto& token = tokens[static_cast<std::size_t>(match.key)];
    if (!token.empty() || !match.exact) clashes |= bit(match.key);
    if (token.empty()) token = value;
  }

  [[nodiscard]] std::string_view operator[](EnvelopeKey key) const noexcept {
    return tokens[static_cast<std::size_t>(key)];
  }
  [[nodiscard]] bool clash(EnvelopeKey key) const noexcept { return (clashes & bit(key)) != 0; }
  [[nodiscard]] static unsigned bit(EnvelopeKey key) noexcept {
    return 1U << static_cast<unsigned>(key);
  }
};

const Message& Splitter::split(std::string_view body, const Limits& limits) {
  calls_.clear();
  unescaped_.clear();
  arena_.clear();
  nesting_.reset(limits.depth_max);
  too_many_ = false;
  message_ = {};
  const char* p = body.data();
  const char* const end = p + body.size();
  p = skip_space(p, end);
  if (p == end) {
    refuse_message(kParseError, "parse error: empty message");
    return message_;
  }
  p = scan_message(p, end, limits);
  if (p == nullptr) {
    refuse_message(kParseError, nesting_.too_deep() ? "parse error: nested too deeply"
                                                    : "parse error: not valid JSON");
  } else if (skip_space(p, end) != end) {
    refuse_message(kParseError, "parse error: text after the message");
  } else {
    finish();
  }
  return message_;
}

const char* Splitter::scan_message(const char* p, const char* end, const Limits& limits) {
  if (*p == '{') return scan_item(p, end, limits);
  if (*p == '[') return scan_batch(p, end, limits);
  refuse_message(kInvalidRequest, "invalid request: neither an object nor an array");
  return scan_value(p, end, nesting_);
}

const char* Splitter::scan_batch(const char* p, const char* end, const Limits& limits) {
  if (!nesting_.push(false)) return nullptr;
  p = skip_space(p + 1, end);
  if (p != end && *p == ']') {
    refuse_message(kInvalidRequest, "invalid request: empty batch");
    return p + 1;
  }
  message_.batch = true;
  for (;;) {
    if (calls_.size() < limits.batch_max) {
      p = scan_item(p, end, limits);
    } else {
      // Still scanned, for text that is not JSON is told apart from a batch that is too long; but
      // nothing is kept.
      too_many_ = true;
      p = scan_value(p, end, nesting_);
    }
    if (p == nullptr) return nullptr;
    p = skip_space(p, end);
    if (p == end) return nullptr;
    if (*p == ']') return p + 1;
    if (*p != ',') return nullptr;
    p = skip_space(p + 1, end);
  }
}

const char* Splitter::scan_item(const char* p, const char* end, const Limits& limits) {
  if (p != end && *p == '{') {
    Envelope envelope;
    p = scan_object(p, end, nesting_, [&envelope](std::string_view key, std::string_view value) {
      envelope.note(key, value);
    });
    if (p != nullptr) judge(envelope, limits);
    return p;
  }
  p = scan_value(p, end, nesting_);
  if (p != nullptr) {
    calls_.push_back({.id = kNullId,
                      .error_code = kInvalidRequest,
                      .error_text = "invalid request: not an object"});
  }
  return p;
}

void Splitter::judge(const Envelope& envelope, const Limits& limits) {
  using enum EnvelopeKey;
  CallView& call = calls_.emplace_back();
  if (envelope.clashes != 0) {
    refuse(call, kInvalidRequest, "invalid request: repeated or misspelt member");
  }
  call.id = envelope[kId];
  if (envelope.clash(kId)) {
    call.id = kNullId;
  } else if (!call.id.empty() && !usable_id(call.id, limits.id_bytes_max)) {
    call.id = kNullId;
    refuse(call, kInvalidRequest, "invalid request: id must be a short string, a number or null");
  }
  if (!is_version_2(envelope[kVersion])) {
    refuse(call, kInvalidRequest, "invalid request: jsonrpc must be \"2.0\"");
  }
  call.method = read_method(envelope[kMethod], limits, call);
  if (!usable_params(envelope[kParams])) {
    refuse(call, kInvalidParams, "invalid params: must be an array or an object");
  } else {
    call.params = envelope[kParams];
  }
  if (call.error_code == kInvalidRequest) {
    call.method = {};
    call.params = {};
    if (call.id.empty()) call.id = kNullId;
  }
}

std::string_view Splitter::read_method(std::string_view token, const Limits& limits,
                                       CallView& call) {
  constexpr std::string_view kTooLong = "invalid request: method is too long";
  if (token.empty() || !is_string(token) || token.size() == 2) {
    refuse(call, kInvalidRequest, "invalid request: method must be a string that is not empty");
    return {};
  }
  const std::string_view raw = unquoted(token);
  if (raw.size() / kEscapedBytesMax > limits.method_bytes_max) {
    refuse(call, kInvalidRequest, kTooLong);
    return {};
  }
  std::string_view method = raw;
  if (raw.find('\\') != std::string_view::npos) {
    const std::size_t offset = arena_.size();
    append_unescaped(arena_, raw);
    unescaped_.push_back({calls_.size() - 1, offset, arena_.size() - offset});
    method = std::string_view(arena_).substr(offset);
  }
  if (method.size() > limits.method_bytes_max) refuse(call, kInvalidRequest, kTooLong);
  return method;
}

void Splitter::refuse_message(int code, std::string_view text) {
  message_ = {.error_code = code, .error_text = text};
}

void Splitter::finish() {
  if (too_many_) {
    refuse_message(kInvalidRequest, "batch too large");
    message_.batch = true;
    for (const CallView& call : calls_) {
      if (call.notification() || call.id == kNullId) continue;
      message_.error_id = call.id;
      break;
    }
    return;
  }
  for (const Unescaped& method : unescaped_) {
    if (calls_[method.call].error_code == kInvalidRequest) continue;
    calls_[method.call].method = std::string_view(arena_).substr(method.offset, method.size);
  }
  message_.calls = calls_;
}

}  // namespace sluice::jsonrpc
