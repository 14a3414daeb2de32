// SPDX-License-Identifier: Apache-2.0
#include "http/response_parser.hpp"

#include <algorithm>

#include "http/characters.hpp"

namespace sluice::http {

ResponseParser::ResponseParser(const ResponseLimits& limits) : limits_(limits) {
  limits_.head_bytes_max = std::min(limits_.head_bytes_max, kHeadBytesCeiling);
}

void ResponseParser::reset(bool upgrade_asked) noexcept {
  start_head();
  lines_.reset();
  interim_ = 0;
  upgrade_asked_ = upgrade_asked;
  reason_ = Reason::kNone;
}

void ResponseParser::release() noexcept {
  reset();
  slots_ = {};
}

void ResponseParser::start_head() noexcept {
  head_ = ResponseHead{};
  framing_ = Framing{};
  slots_.clear();
  stage_ = Stage::kStatusLine;
}

Status ResponseParser::fail(Reason reason) noexcept {
  stage_ = Stage::kRejected;
  reason_ = reason;
  return Status::kReject;
}

Status ResponseParser::parse(std::string_view data) {
  if (stage_ == Stage::kRejected) return Status::kReject;
  if (stage_ == Stage::kDone) {
    bind(data.data());
    return Status::kDone;
  }
  const auto seen = data.substr(0, limits_.head_bytes_max);
  std::string_view line;
  while (stage_ != Stage::kDone) {
    const auto found = lines_.next(seen, line);
    if (found == HeadLines::Found::kBadByte) {
      return fail(stage_ == Stage::kStatusLine ? Reason::kBadStatusLine
                                               : bad_byte_reason(seen[lines_.position()]));
    }
    if (found == HeadLines::Found::kNeedMore) {
      return seen.size() < limits_.head_bytes_max ? Status::kNeedMore : fail(Reason::kHeadTooLarge);
    }
    if (const Reason reason = read_line(line, seen.data()); reason != Reason::kNone)
      return fail(reason);
  }
  return Status::kDone;
}

Reason ResponseParser::read_line(std::string_view line, const char* base) {
  if (stage_ == Stage::kStatusLine) return read_status_line(line);
  return line.empty() ? end_of_head(base) : read_field(line, base);
}

/// HTTP-version SP 3DIGIT [ SP reason-phrase ]: the last SP must be sent even before an empty
/// phrase (RFC 9112 4), but servers in use leave it out, and nothing can be read two ways without
/// it.
Reason ResponseParser::read_status_line(std::string_view line) noexcept {
  constexpr std::size_t kVersionBytes = 8;
  constexpr std::size_t kCodeEnd = kVersionBytes + 4;
  if (line.size() < kCodeEnd || !line.starts_with("HTTP/1.") || line[kVersionBytes] != ' ') {
    return Reason::kBadStatusLine;
  }
  if (line[7] != '0' && line[7] != '1') return Reason::kBadStatusLine;
  if (line.size() > kCodeEnd && line[kCodeEnd] != ' ') return Reason::kBadStatusLine;
  int status = 0;
  for (const char c : line.substr(kVersionBytes + 1, 3)) {
    if (!is(kDigit, c)) return Reason::kBadStatusLine;
    status = status * 10 + (c - '0');
  }
  if (status < 100 || status > 599) return Reason::kBadStatusLine;
  head_.status = status;
  head_.minor = line[7] - '0';
  stage_ = Stage::kFields;
  return Reason::kNone;
}

Reason ResponseParser::read_field(std::string_view line, const char* base) {
  if (slots_.size() >= limits_.fields_max) return Reason::kTooManyFields;
  FieldSlot slot;
  bool underscore = false;
  if (const Reason reason = split_field_line(line, base, slot, underscore);
      reason != Reason::kNone) {
    return reason;
  }
  slots_.push_back(slot);
  const std::string_view value(base + slot.value_at, slot.value_size);
  switch (slot.id) {
    case FieldId::kContentLength:
      return framing_.add_content_length(value);
    case FieldId::kTransferEncoding:
      return framing_.add_transfer_encoding(value, head_.minor);
    case FieldId::kConnection:
      return framing_.add_connection(value);
    default:
      return Reason::kNone;
  }
}

Reason ResponseParser::end_of_head(const char* base) noexcept {
  const bool has_body = framing_.chunked() || framing_.content_length() != 0;
  const bool switching = head_.status == 101;
  if (switching && !upgrade_asked_) return Reason::kUnexpectedUpgrade;
  // 304 may carry the length of what it did not send; 1xx and 204 may not (RFC 9110 8.6, RFC
  // 9112 6.1).
  if (has_body && (head_.status < 200 || head_.status == 204)) return Reason::kUnexpectedBody;
  if (head_.status < 200 && !switching) return end_of_interim();
  const bool bodiless = switching || head_.status == 204 || head_.status == 304;
  head_.chunked = framing_.chunked() && !bodiless;
  head_.has_length = framing_.has_length() || bodiless;
  head_.content_length = bodiless ? 0 : framing_.content_length();
  head_.close_delimited = !head_.chunked && !head_.has_length;
  head_.keep_alive = framing_.keep_alive(head_.minor) && !head_.close_delimited;
  stage_ = Stage::kDone;
  bind(base);
  return Reason::kNone;
}

Reason ResponseParser::end_of_interim() noexcept {
  if (++interim_ > limits_.interim_max) return Reason::kTooManyInterim;
  start_head();
  return Reason::kNone;
}

void ResponseParser::bind(const char* base) noexcept {
  head_.field_list = FieldList(slots_, base);
  // Backwards, so that the first of several wins.
  for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot) {
    const std::string_view value(base + slot->value_at, slot->value_size);
    switch (slot->id) {
      case FieldId::kContentType:
        head_.content_type = value;
        break;
      case FieldId::kContentEncoding:
        head_.content_encoding = value;
        break;
      case FieldId::kRetryAfter:
        head_.retry_after = value;
        break;
      case FieldId::kLocation:
        head_.location = value;
        break;
      case FieldId::kKeepAlive:
        head_.keep_alive_words = value;
        break;
      default:
        break;
    }
  }
}

}  // namespace sluice::http
