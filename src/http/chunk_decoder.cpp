// SPDX-License-Identifier: Apache-2.0
#include "http/chunk_decoder.hpp"

#include <algorithm>
#include <cstring>

#include "http/characters.hpp"

namespace sluice::http {
namespace {

constexpr std::uint8_t kSizeDigitsMax = 16;
constexpr std::uint64_t kSmallChunk = 16;

std::uint64_t hex_value(char c) noexcept {
  if (is(kDigit, c)) return static_cast<std::uint64_t>(c - '0');
  return static_cast<std::uint64_t>(to_lower(c)) - 'a' + 10;
}

}  // namespace

ChunkDecoder::Step ChunkDecoder::decode(const char* in, std::size_t size, char* out) noexcept {
  const char* p = in;
  const char* const end = in + size;
  char* write = out;
  while (p != end && state_ < State::kDone) {
    if (state_ == State::kData) {
      const auto count =
          static_cast<std::size_t>(std::min(size_, static_cast<std::uint64_t>(end - p)));
      if (write != p) std::memmove(write, p, count);
      write += count;
      p += count;
      size_ -= count;
      body_bytes_ += count;
      if (size_ == 0) state_ = State::kDataCr;
    } else if (step(*p)) {
      ++p;
    }
  }
  const Status status = state_ == State::kDone       ? Status::kDone
                        : state_ == State::kRejected ? Status::kReject
                                                     : Status::kNeedMore;
  return {static_cast<std::size_t>(p - in), static_cast<std::size_t>(write - out), status};
}

bool ChunkDecoder::fail(Reason reason) noexcept {
  reason_ = reason;
  state_ = State::kRejected;
  return false;
}

bool ChunkDecoder::expect(char c, char wanted, State next, Reason reason) noexcept {
  return c == wanted ? go(next) : fail(reason);
}

bool ChunkDecoder::step(char c) noexcept {
  switch (state_) {
    case State::kSizeFirst:
    case State::kSize:
      return step_size(c);
    case State::kSizeLf:
      return expect(c, '\n', size_ == 0 ? State::kTrailerFirst : State::kData, Reason::kBadChunk);
    case State::kDataCr:
      return expect(c, '\r', State::kDataLf, Reason::kBadChunk);
    case State::kDataLf:
      return expect(c, '\n', State::kSizeFirst, Reason::kBadChunk);
    case State::kTrailerFirst:
    case State::kTrailerName:
    case State::kTrailerValue:
      return step_trailer(c);
    case State::kTrailerLf:
      return expect(c, '\n', State::kTrailerFirst, Reason::kBadTrailer);
    case State::kEndLf:
      return expect(c, '\n', State::kDone, Reason::kBadTrailer);
    default:
      return step_extension(c);
  }
}

bool ChunkDecoder::step_size(char c) noexcept {
  if (state_ == State::kSizeFirst) {
    size_ = 0;
    digits_ = 0;
  }
  if (is(kHexDigit, c)) {
    if (++digits_ > kSizeDigitsMax) return fail(Reason::kBadChunk);
    size_ = size_ << 4 | hex_value(c);
    return go(State::kSize);
  }
  if (state_ == State::kSizeFirst || (c != '\r' && c != ';')) return fail(Reason::kBadChunk);
  if (!end_size()) return false;
  return c == '\r' ? go(State::kSizeLf) : step_extension(c);
}

bool ChunkDecoder::end_size() noexcept {
  if (size_ > limits_.body_bytes_max - body_bytes_) return fail(Reason::kBodyTooLarge);
  if (size_ != 0 && size_ < kSmallChunk && ++small_chunks_ > limits_.small_chunks_max) {
    return fail(Reason::kChunkFlood);
  }
  return true;
}

bool ChunkDecoder::step_extension(char c) noexcept {
  const bool boundary = state_ == State::kSize || state_ == State::kExtensionName ||
                        state_ == State::kExtensionToken || state_ == State::kExtensionAfterQuote;
  if (boundary && c == '\r') return go(State::kSizeLf);
  if (is(kControl, c)) return fail(Reason::kBadChunkExtension);
  if (++extension_bytes_ > limits_.extension_bytes_max)
    return fail(Reason::kChunkExtensionTooLarge);
  if (boundary && c == ';') return go(State::kExtensionNameFirst);
  const bool token = is(kTokenChar, c);
  switch (state_) {
    case State::kExtensionNameFirst:
    case State::kExtensionName:
      if (token) return go(State::kExtensionName);
      if (state_ == State::kExtensionName && c == '=') return go(State::kExtensionValueFirst);
      break;
    case State::kExtensionValueFirst:
      if (c == '"') return go(State::kExtensionQuoted);
      if (token) return go(State::kExtensionToken);
      break;
    case State::kExtensionToken:
      if (token) return true;
      break;
    case State::kExtensionQuoted:
      if (c == '"') return go(State::kExtensionAfterQuote);
      return c == '\\' ? go(State::kExtensionEscape) : true;
    case State::kExtensionEscape:
      return go(State::kExtensionQuoted);
    default:
      break;
  }
  return fail(Reason::kBadChunkExtension);
}

bool ChunkDecoder::step_trailer(char c) noexcept {
  if (state_ == State::kTrailerFirst && c == '\r') return go(State::kEndLf);
  if (state_ == State::kTrailerValue && c == '\r') return go(State::kTrailerLf);
  if (++trailer_bytes_ > limits_.trailer_bytes_max) return fail(Reason::kTrailersTooLarge);
  if (state_ == State::kTrailerValue) return is(kControl, c) ? fail(Reason::kBadTrailer) : true;
  if (is(kTokenChar, c)) return go(State::kTrailerName);
  if (state_ == State::kTrailerName && c == ':') return go(State::kTrailerValue);
  return fail(Reason::kBadTrailer);
}

}  // namespace sluice::http
