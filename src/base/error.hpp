// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace sluice {

/// Who is to blame for an error; decides the status a client sees and what is counted against whom.
enum class Origin : std::uint8_t { kClient, kSluice, kUpstream };

/// Whether another attempt may be made, and where.
enum class Retry : std::uint8_t {
  kNever,
  kElsewhere,
  /// A kept-alive connection died before a byte of the reply came: replay once on a fresh connection.
  kSameConnectionReused,
};

enum class ErrorKind : std::uint8_t {
  kInvalid,
  kTooLarge,
  kRefused,
  kTimeout,
  kUnavailable,
  kConnect,
  kClosed,
  kProtocol,
  kCancelled,
  kIo,
  kInternal,
};

/// What went wrong, in a form that decisions can be made on. `detail` is for logs: it never reaches a client, and
/// never holds an upstream's URL or a key.
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  Origin origin = Origin::kSluice;
  Retry retry = Retry::kNever;
  std::string detail;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, Origin origin, Retry retry,
                                                 std::string detail) {
  return std::unexpected<Error>(Error{kind, origin, retry, std::move(detail)});
}

}  // namespace sluice
