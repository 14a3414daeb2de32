// SPDX-License-Identifier: Apache-2.0
#include "http/request_parser.hpp"

#include <algorithm>
#include <array>

#include "http/authority.hpp"
#include "http/characters.hpp"

namespace sluice::http {
namespace {

constexpr std::size_t kMethodBytesMax = 32;
/// Robustness of RFC 9112 2.2 for clients that end a body with an extra CRLF; more is not HTTP.
constexpr std::uint8_t kEmptyLinesMax = 2;
constexpr char kTlsHandshakeRecord = 0x16;

using View = std::string_view RequestHead::*;

constexpr View view_of(FieldId id) noexcept {
  switch (id) {
    case FieldId::kHost:
      return &RequestHead::host;
    case FieldId::kContentType:
      return &RequestHead::content_type;
    case FieldId::kContentEncoding:
      return &RequestHead::content_encoding;
    case FieldId::kAuthorization:
      return &RequestHead::authorization;
    case FieldId::kApiKey:
      return &RequestHead::api_key;
    case FieldId::kOrigin:
      return &RequestHead::origin;
    case FieldId::kRequestId:
      return &RequestHead::request_id;
    case FieldId::kForwardedFor:
      return &RequestHead::forwarded_for;
    case FieldId::kPriority:
      return &RequestHead::priority;
    case FieldId::kTimeout:
      return &RequestHead::timeout;
    case FieldId::kAffinity:
      return &RequestHead::affinity;
    case FieldId::kUseUpstream:
      return &RequestHead::use_upstream;
    case FieldId::kDebug:
      return &RequestHead::debug;
    case FieldId::kWsKey:
      return &RequestHead::ws_key;
    case FieldId::kWsVersion:
      return &RequestHead::ws_version;
    case FieldId::kWsProtocol:
      return &RequestHead::ws_protocol;
    case FieldId::kAccessControlRequestMethod:
      return &RequestHead::access_control_request_method;
    case FieldId::kTraceparent:
      return &RequestHead::traceparent;
    default:
      return nullptr;
  }
}

constexpr auto kViews = [] {
  std::array<View, static_cast<std::size_t>(FieldId::kLocation) + 1> views{};
  for (std::size_t i = 0; i < views.size(); ++i) views[i] = view_of(static_cast<FieldId>(i));
  return views;
}();

/// HTTP-version is exactly `HTTP/` digit `.` digit, in capitals.
Reason parse_version(std::string_view text, int& minor) noexcept {
  if (text.size() != 8 || !text.starts_with("HTTP/") || text[6] != '.' || !is(kDigit, text[5]) ||
      !is(kDigit, text[7])) {
    return Reason::kBadVersion;
  }
  if (text[5] != '1' || text[7] > '1') return Reason::kUnsupportedVersion;
  minor = text[7] - '0';
  return Reason::kNone;
}

Reason repeated_reason(FieldId id) noexcept {
  if (id == FieldId::kContentLength) return Reason::kBadContentLength;
  return id == FieldId::kTransferEncoding ? Reason::kBadTransferEncoding : Reason::kDuplicateField;
}

}  // namespace

RequestParser::RequestParser(const RequestLimits& limits) : limits_(limits) {
  limits_.head_bytes_max = std::min(limits_.head_bytes_max, kHeadBytesCeiling);
}

void RequestParser::reset() noexcept {
  head_ = RequestHead{};
  framing_ = Framing{};
  lines_.reset();
  slots_.clear();
  seen_ids_ = 0;
  target_at_ = target_size_ = dropped_ = 0;
  empty_lines_ = 0;
  stage_ = Stage::kRequestLine;
  reason_ = Reason::kNone;
}

void RequestParser::release() noexcept {
  reset();
  slots_ = {};
}

Status RequestParser::fail(Reason reason) noexcept {
  stage_ = Stage::kRejected;
  reason_ = reason;
  return Status::kReject;
}

Status RequestParser::parse(std::string_view data) {
  if (stage_ == Stage::kRejected) return Status::kReject;
  if (stage_ == Stage::kDone) {
    bind(data.data());
    return Status::kDone;
  }
  // Bytes past the limit are never looked at, so that a big read and many small ones end alike.
  const auto seen = data.substr(0, limits_.head_bytes_max);
  if (stage_ == Stage::kRequestLine) {
    if (const Status status = parse_request_line(seen); status != Status::kDone) return status;
  }
  return parse_fields(seen);
}

Status RequestParser::parse_request_line(std::string_view seen) {
  if (!seen.empty() && seen.front() == kTlsHandshakeRecord) return fail(Reason::kTlsOnPlain);
  const std::size_t line_bytes_max =
      kMethodBytesMax + limits_.target_bytes_max + sizeof(" HTTP/1.1\r\n");
  std::string_view line;
  while (true) {
    const std::size_t allowed = std::min(lines_.begin() + line_bytes_max, limits_.head_bytes_max);
    const auto begin = lines_.begin();
    const auto window = seen.substr(0, allowed);
    const auto found = lines_.next(window, line);
    if (found == HeadLines::Found::kBadByte) return fail(Reason::kBadRequestLine);
    if (found == HeadLines::Found::kNeedMore) {
      if (window.size() < allowed) return Status::kNeedMore;
      const bool has_method = window.substr(begin, kMethodBytesMax + 1).find(' ') != window.npos;
      return fail(has_method ? Reason::kTargetTooLong : Reason::kBadRequestLine);
    }
    if (!line.empty()) break;
    if (++empty_lines_ > kEmptyLinesMax) return fail(Reason::kBadRequestLine);
  }
  if (const Reason reason = read_request_line(line, seen.data()); reason != Reason::kNone) {
    return fail(reason);
  }
  stage_ = Stage::kFields;
  return Status::kDone;
}

Reason RequestParser::read_request_line(std::string_view line, const char* base) noexcept {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  const auto method = line.substr(0, first);
  if (first == last || first > kMethodBytesMax || !is_token(method)) return Reason::kBadRequestLine;
  const auto target = line.substr(first + 1, last - first - 1);
  if (target.size() > limits_.target_bytes_max) return Reason::kTargetTooLong;
  if (target.empty() || target.find(' ') != target.npos) return Reason::kBadRequestLine;
  if (const Reason reason = parse_version(line.substr(last + 1), head_.minor);
      reason != Reason::kNone) {
    return reason;
  }
  head_.method = parse_method(method);
  Target parts;
  if (!has_target_bytes(target) || !split_target(head_.method, target, parts))
    return Reason::kBadTarget;
  target_at_ = static_cast<std::uint32_t>(target.data() - base);
  target_size_ = static_cast<std::uint32_t>(target.size());
  return Reason::kNone;
}

Status RequestParser::parse_fields(std::string_view seen) {
  std::string_view line;
  while (true) {
    switch (lines_.next(seen, line)) {
      case HeadLines::Found::kBadByte:
        return fail(bad_byte_reason(seen[lines_.position()]));
      case HeadLines::Found::kNeedMore:
        return seen.size() < limits_.head_bytes_max ? Status::kNeedMore
                                                    : fail(Reason::kHeadTooLarge);
      case HeadLines::Found::kLine:
        break;
    }
    const Reason reason =
        line.empty() ? check_complete(seen.data()) : read_field(line, seen.data());
    if (reason != Reason::kNone) return fail(reason);
    if (line.empty()) {
      stage_ = Stage::kDone;
      return Status::kDone;
    }
  }
}

Reason RequestParser::read_field(std::string_view line, const char* base) {
  if (slots_.size() + dropped_ >= limits_.fields_max) return Reason::kTooManyFields;
  FieldSlot slot;
  bool underscore = false;
  if (const Reason reason = split_field_line(line, base, slot, underscore);
      reason != Reason::kNone) {
    return reason;
  }
  if (underscore) {
    ++dropped_;
    return Reason::kNone;
  }
  if (slot.id != FieldId::kOther) {
    const auto bit = std::uint64_t{1} << static_cast<unsigned>(slot.id);
    if ((seen_ids_ & bit) != 0) {
      const Repeat rule = repeat_rule(slot.id);
      if (rule == Repeat::kReject) return repeated_reason(slot.id);
      // Kept for fields(), but no longer the one that counts.
      if (rule == Repeat::kFirst) slot.id = FieldId::kOther;
    }
    seen_ids_ |= bit;
  }
  slots_.push_back(slot);
  return note(slot.id, {base + slot.value_at, slot.value_size});
}

Reason RequestParser::note(FieldId id, std::string_view value) noexcept {
  switch (id) {
    case FieldId::kContentLength:
      return framing_.add_content_length(value);
    case FieldId::kTransferEncoding:
      return framing_.add_transfer_encoding(value, head_.minor);
    case FieldId::kConnection:
      return framing_.add_connection(value);
    case FieldId::kUpgrade:
      framing_.add_upgrade(value);
      return Reason::kNone;
    case FieldId::kExpect:
      // HTTP/1.0 has no expectations; RFC 9110 10.1.1 has us ignore them.
      if (head_.minor == 0) return Reason::kNone;
      head_.expect_continue = true;
      return iequals(value, "100-continue") ? Reason::kNone : Reason::kBadExpectation;
    default:
      return Reason::kNone;
  }
}

Reason RequestParser::check_complete(const char* base) noexcept {
  head_.chunked = framing_.chunked();
  head_.has_length = framing_.has_length();
  head_.content_length = framing_.content_length();
  head_.keep_alive = framing_.keep_alive(head_.minor);
  head_.upgrade_websocket = head_.minor == 1 && framing_.upgrade_websocket();
  head_.expect_continue = head_.expect_continue && head_.has_body();
  const Target target = bind(base);
  if (head_.host.data() == nullptr) {
    return head_.minor == 1 ? Reason::kMissingHost : Reason::kNone;
  }
  std::string_view host;
  std::uint16_t port = 0;
  // An empty Host is legal (RFC 9110 7.2); whether it may come in is for the owner to say.
  if (!head_.host.empty() && !valid_host(head_.host, host, port)) return Reason::kBadHost;
  if (target.default_port == 0) return Reason::kNone;
  const auto or_default = [&](std::uint16_t given) {
    return given != 0 ? given : target.default_port;
  };
  return iequals(target.host, host) && or_default(target.port) == or_default(port)
             ? Reason::kNone
             : Reason::kHostMismatch;
}

Target RequestParser::bind(const char* base) noexcept {
  head_.field_list = FieldList(slots_, base);
  head_.target = std::string_view(base + target_at_, target_size_);
  Target target;
  // Its form was checked when the line was read; only the views are wanted.
  [[maybe_unused]] const bool valid = split_target(head_.method, head_.target, target);
  head_.path = target.path;
  head_.query = target.query;
  for (const FieldSlot& slot : slots_) {
    if (const View view = kViews[static_cast<std::size_t>(slot.id)]; view != nullptr) {
      head_.*view = std::string_view(base + slot.value_at, slot.value_size);
    }
  }
  return target;
}

}  // namespace sluice::http
