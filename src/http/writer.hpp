// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

/// The standard phrase of a status (RFC 9110 15), "Unknown" for any that we never send.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// Room that the writers below need at most.
inline constexpr std::size_t kDecimalBytesMax = 20;
inline constexpr std::size_t kHexBytesMax = 16;
inline constexpr std::size_t kStatusLineBytesMax = 64;
inline constexpr std::size_t kChunkHeaderBytesMax = kHexBytesMax + 2;

/// Each writes at `out`, without a terminating NUL, and gives the end of what it wrote.
[[nodiscard]] char* write_text(char* out, std::string_view text) noexcept;
[[nodiscard]] char* write_decimal(char* out, std::uint64_t value) noexcept;
[[nodiscard]] char* write_hex(char* out, std::uint64_t value) noexcept;
/// `HTTP/1.1 <status> <phrase>\r\n`; status is 100..599.
[[nodiscard]] char* write_status_line(char* out, int status) noexcept;
/// `name: value\r\n`: name.size() + value.size() + 4 bytes.
[[nodiscard]] char* write_field(char* out, std::string_view name, std::string_view value) noexcept;
/// `<size in hex>\r\n`; size is not 0, which would end the body.
[[nodiscard]] char* write_chunk_header(char* out, std::uint64_t size) noexcept;

inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

void append_decimal(std::string& out, std::uint64_t value);
void append_status_line(std::string& out, int status);
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::uint64_t value);

/// Whether a text that does not come from a parsed head may be written as a field value: no control
/// byte but HTAB.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

}  // namespace sluice::http
