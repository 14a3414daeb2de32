// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

/// The standard phrase of a status (RFC 9110 15), "Unknown" for any that we never send.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// Room that a chunk's header needs at most.
inline constexpr std::size_t kChunkHeaderBytesMax = 16 + 2;
/// `<size in hex>\r\n` at `out`, without a terminating NUL; gives the end of what it wrote. Size is
/// not 0, which would end the body.
[[nodiscard]] char* write_chunk_header(char* out, std::uint64_t size) noexcept;

inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// `HTTP/1.1 <status> <phrase>\r\n`; status is 100..599.
void append_status_line(std::string& out, int status);

}  // namespace sluice::http
