// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "http/reject.hpp"

namespace sluice::http {

struct ChunkLimits {
  std::uint64_t body_bytes_max = std::uint64_t{5} << 20;  // of all chunk data together
  std::size_t extension_bytes_max = 1024;                 // of all chunk extensions together
  std::size_t trailer_bytes_max = 8192;                   // of all trailer lines without their ends
  std::size_t small_chunks_max = 4096;                    // chunks of fewer than 16 bytes of data
};

/// Strict, resumable decoder of one chunked body (RFC 9112 7.1). Extensions and trailer fields are
/// checked and thrown away. No whitespace is taken around a size, and lines end in CRLF only.
///
/// Owned by whoever reads the body, used on its thread, reset() before each body; holds no bytes.
/// It knows nothing of heads, and tells nothing apart in trailers: a Content-Length there is as
/// void as any other field.
class ChunkDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    Status status = Status::kNeedMore;
  };

  ChunkDecoder() = default;
  explicit ChunkDecoder(const ChunkLimits& limits) noexcept : limits_(limits) {}

  void reset(const ChunkLimits& limits) noexcept { *this = ChunkDecoder(limits); }

  /// Decodes `size` bytes that follow those of the calls before, and writes the data to `out`,
  /// which has room for `size` bytes and may be `in` itself or anything before it. kNeedMore
  /// consumes all of `in`; kDone stops right after the last CRLF, so that a pipelined message is
  /// left where it is; kReject stops at the offending byte.
  [[nodiscard]] Step decode(const char* in, std::size_t size, char* out) noexcept;

  /// Bytes of data written so far.
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }
  /// Valid after kReject.
  [[nodiscard]] const Reject& reject() const noexcept { return reject_of(reason_); }

 private:
  enum class State : std::uint8_t {
    kSizeFirst,
    kSize,
    kExtensionNameFirst,
    kExtensionName,
    kExtensionValueFirst,
    kExtensionToken,
    kExtensionQuoted,
    kExtensionEscape,
    kExtensionAfterQuote,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerFirst,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kEndLf,
    kDone,
    kRejected,
  };

  bool step(char c) noexcept;
  bool step_size(char c) noexcept;
  bool step_extension(char c) noexcept;
  bool step_trailer(char c) noexcept;
  bool expect(char c, char wanted, State next, Reason reason) noexcept;
  bool end_size() noexcept;
  bool fail(Reason reason) noexcept;
  bool go(State next) noexcept {
    state_ = next;
    return true;
  }

  ChunkLimits limits_;
  std::uint64_t size_ = 0;  // of the chunk whose size line is read, then what is left of its data
  std::uint64_t body_bytes_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t small_chunks_ = 0;
  std::uint8_t digits_ = 0;
  State state_ = State::kSizeFirst;
  Reason reason_ = Reason::kNone;
};

}  // namespace sluice::http
