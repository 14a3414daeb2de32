// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/reply_stream.hpp"

#include <algorithm>

namespace sluice::jsonrpc {
namespace {

constexpr std::string_view kMalformed = "not valid JSON";
constexpr std::string_view kNull = "null";

}  // namespace

ReplyStream::Step ReplyStream::feed(std::string_view chunk) noexcept {
  const char* p = chunk.data();
  const char* const end = p + chunk.size();
  kept_from_ = p;
  relay_from_ = p;
  relay_to_ = p;
  while (p != end && lex_ != Lex::kBad) p = advance(p, end);
  if (lex_ == Lex::kBad) return {.relay = {}, .state = State::kBad, .member = Member::kNone};
  if (keeping_) keep(end);
  if (relaying_) relay_to_ = end;

  Step step{.relay = {}, .state = State::kEnvelope, .member = member_};
  if (relay_from_ != relay_to_) step.relay = {relay_from_, relay_to_};
  if (lex_ == Lex::kEnd) {
    step.state = State::kDone;
  } else if (relaying_) {
    step.state = State::kRelay;
  } else if (member_ != Member::kNone) {
    step.state = State::kTail;
  }
  return step;
}

const char* ReplyStream::advance(const char* p, const char* end) noexcept {
  switch (lex_) {
    case Lex::kString:
      return on_string(p, end);
    case Lex::kEscape:
      return on_escape(p);
    case Lex::kHex:
      return on_hex(p);
    case Lex::kUtf8:
      return on_utf8(p);
    case Lex::kLiteral:
      return on_literal(p);
    case Lex::kMinus:
    case Lex::kZero:
    case Lex::kInteger:
    case Lex::kPoint:
    case Lex::kFraction:
    case Lex::kExponent:
    case Lex::kSign:
    case Lex::kPower:
      return on_number(p, end);
    default:
      return on_structure(p, end);
  }
}

const char* ReplyStream::bad(const char* p, std::string_view reason) noexcept {
  lex_ = Lex::kBad;
  reason_ = reason;
  return p;
}

const char* ReplyStream::on_structure(const char* p, const char* end) noexcept {
  p = skip_space(p, end);
  if (p == end) return p;
  switch (lex_) {
    case Lex::kStart:
      return *p == '{' ? open(p) : bad(p, "not an object");
    case Lex::kFirstKey:
      if (*p == '}') return on_after(p);
      return on_key(p);
    case Lex::kKey:
      return on_key(p);
    case Lex::kColon:
      if (*p != ':') return bad(p, kMalformed);
      lex_ = Lex::kValue;
      return p + 1;
    case Lex::kFirstItem:
      if (*p == ']') return on_after(p);
      return on_value(p);
    case Lex::kValue:
      return on_value(p);
    case Lex::kAfter:
      return on_after(p);
    default:
      return bad(p, "text after the reply");
  }
}

const char* ReplyStream::open(const char* p) noexcept {
  const bool object = *p == '{';
  if (!nesting_.push(object)) return bad(p, "nested too deeply");
  lex_ = object ? Lex::kFirstKey : Lex::kFirstItem;
  return p + 1;
}

const char* ReplyStream::on_key(const char* p) noexcept {
  if (*p != '"') return bad(p, kMalformed);
  in_key_ = true;
  lex_ = Lex::kString;
  if (nesting_.depth() == 1) {
    keeping_ = true;
    kept_size_ = 0;
    kept_from_ = p + 1;
  }
  return p + 1;
}

const char* ReplyStream::on_value(const char* p) noexcept {
  if (nesting_.depth() == 1) {
    value_starts(p);
    if (lex_ == Lex::kBad) return p;
  }
  switch (*p) {
    case '{':
    case '[':
      return open(p);
    case '"':
      in_key_ = false;
      lex_ = Lex::kString;
      return p + 1;
    case 't':
      literal_ = "true";
      lex_ = Lex::kLiteral;
      return p;
    case 'f':
      literal_ = "false";
      lex_ = Lex::kLiteral;
      return p;
    case 'n':
      literal_ = kNull;
      lex_ = Lex::kLiteral;
      return p;
    case '-':
      lex_ = Lex::kMinus;
      return p + 1;
    case '0':
      lex_ = Lex::kZero;
      return p + 1;
    default:
      break;
  }
  if (!is_byte(*p, kDigitByte)) return bad(p, kMalformed);
  lex_ = Lex::kInteger;
  return p + 1;
}

/// After a value, or at the end of an empty container. The outermost object is open.
const char* ReplyStream::on_after(const char* p) noexcept {
  const bool object = nesting_.in_object();
  if (*p == ',') {
    lex_ = object ? Lex::kKey : Lex::kValue;
    return p + 1;
  }
  if (*p != (object ? '}' : ']')) return bad(p, kMalformed);
  nesting_.pop();
  lex_ = Lex::kAfter;
  if (nesting_.depth() == 0) {
    reply_ended();
  } else {
    value_ended(p + 1);
  }
  return p + 1;
}

const char* ReplyStream::on_string(const char* p, const char* end) noexcept {
  p = plain_run(p, end);
  if (p == end) return p;
  if (*p == '"') {
    string_ended(p);
    return p + 1;
  }
  if (*p == '\\') {
    lex_ = Lex::kEscape;
    return p + 1;
  }
  const Utf8Lead lead = utf8_lead(static_cast<unsigned char>(*p));
  if (lead.rest == 0) return bad(p, kMalformed);
  lex_ = Lex::kUtf8;
  rest_ = lead.rest;
  low_ = lead.low;
  high_ = lead.high;
  return p + 1;
}

void ReplyStream::string_ended(const char* p) noexcept {
  if (!in_key_) {
    value_ended(p + 1);
    return;
  }
  lex_ = Lex::kColon;
  if (!keeping_) return;
  keep(p);
  keeping_ = false;
  key_ended();
}

const char* ReplyStream::on_escape(const char* p) noexcept {
  if (*p == 'u') {
    lex_ = Lex::kHex;
    rest_ = 4;
  } else if (is_byte(*p, kEscapeByte)) {
    lex_ = Lex::kString;
  } else {
    return bad(p, kMalformed);
  }
  return p + 1;
}

const char* ReplyStream::on_hex(const char* p) noexcept {
  if (!is_byte(*p, kHexByte)) return bad(p, kMalformed);
  if (--rest_ == 0) lex_ = Lex::kString;
  return p + 1;
}

const char* ReplyStream::on_utf8(const char* p) noexcept {
  const auto byte = static_cast<unsigned char>(*p);
  if (byte < low_ || byte > high_) return bad(p, kMalformed);
  low_ = 0x80;
  high_ = 0xbf;
  if (--rest_ == 0) lex_ = Lex::kString;
  return p + 1;
}

const char* ReplyStream::on_literal(const char* p) noexcept {
  if (*p != literal_.front()) return bad(p, kMalformed);
  literal_.remove_prefix(1);
  if (literal_.empty()) value_ended(p + 1);
  return p + 1;
}

/// A number has no end of its own: it ends before the first byte that cannot go on with it.
const char* ReplyStream::on_number(const char* p, const char* end) noexcept {
  for (; p != end; ++p) {
    const bool digit = is_byte(*p, kDigitByte);
    switch (lex_) {
      case Lex::kMinus:
        if (!digit) return bad(p, kMalformed);
        lex_ = *p == '0' ? Lex::kZero : Lex::kInteger;
        continue;
      case Lex::kPoint:
        if (!digit) return bad(p, kMalformed);
        lex_ = Lex::kFraction;
        continue;
      case Lex::kExponent:
        if (*p == '+' || *p == '-') {
          lex_ = Lex::kSign;
          continue;
        }
        [[fallthrough]];
      case Lex::kSign:
        if (!digit) return bad(p, kMalformed);
        lex_ = Lex::kPower;
        continue;
      default:
        break;  // may end here
    }
    if (digit && lex_ != Lex::kZero) continue;
    const bool whole = lex_ == Lex::kZero || lex_ == Lex::kInteger;
    if (whole && *p == '.') {
      lex_ = Lex::kPoint;
    } else if (lex_ != Lex::kPower && (*p == 'e' || *p == 'E')) {
      lex_ = Lex::kExponent;
    } else {
      value_ended(p);
      return p;
    }
  }
  return p;
}

/// A member of the reply itself.
void ReplyStream::value_starts(const char* p) noexcept {
  switch (key_) {
    case ReplyKey::kId:
      if (*p != '"' && !is_byte(*p, kDigitByte)) {
        bad(p, "another id than expected");
        return;
      }
      keeping_ = true;
      kept_size_ = 0;
      kept_from_ = p;
      return;
    case ReplyKey::kResult:
      null_result_ = *p == 'n';
      if (!null_result_) relay_starts(p, Member::kResult);
      return;
    case ReplyKey::kError:
      if (*p != 'n') relay_starts(p, Member::kError);
      return;
    case ReplyKey::kOther:
      return;
  }
}

void ReplyStream::relay_starts(const char* p, Member member) noexcept {
  if (member_ != Member::kNone) {
    bad(p, "both a result and an error");
    return;
  }
  member_ = member;
  relaying_ = true;
  relay_from_ = p;
}

/// p is behind the value.
void ReplyStream::value_ended(const char* p) noexcept {
  lex_ = Lex::kAfter;
  if (nesting_.depth() != 1) return;
  if (relaying_) {
    relaying_ = false;
    relay_to_ = p;
  } else if (keeping_) {
    keep(p);
    keeping_ = false;
    if (!id_equals({kept_.data(), kept_size_}, expected_id_)) bad(p, "another id than expected");
  }
}

void ReplyStream::key_ended() noexcept {
  key_ = reply_key({kept_.data(), kept_size_});
  if (key_ == ReplyKey::kOther) return;
  const unsigned bit = 1U << static_cast<unsigned>(key_);
  if ((seen_ & bit) != 0) bad(nullptr, "a repeated member");
  seen_ |= bit;
}

void ReplyStream::reply_ended() noexcept {
  if ((seen_ & 1U << static_cast<unsigned>(ReplyKey::kId)) == 0) {
    bad(nullptr, "no id");
  } else if (member_ == Member::kNone && !null_result_) {
    bad(nullptr, "neither a result nor an error");
  } else {
    lex_ = Lex::kEnd;
    if (member_ != Member::kNone) return;
    member_ = Member::kResult;
    relay_from_ = kNull.data();
    relay_to_ = relay_from_ + kNull.size();
  }
}

/// Bytes beyond the room are dropped: whatever fills it is no longer equal to anything that is
/// looked for, and is told apart before the cut.
void ReplyStream::keep(const char* to) noexcept {
  const auto offered = static_cast<std::size_t>(to - kept_from_);
  const std::size_t taken = std::min(offered, kKeptMax - kept_size_);
  std::copy_n(kept_from_, taken, kept_.data() + kept_size_);
  kept_size_ += taken;
}

}  // namespace sluice::jsonrpc
