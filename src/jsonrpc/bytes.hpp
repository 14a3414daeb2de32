// SPDX-License-Identifier: Apache-2.0
// Classes of single bytes, and the two runs that JSON text mostly consists of: plain string content
// and white space. Sixteen bytes at a time with SSE2, which every x86-64 has; eight at a time
// elsewhere. Nothing reads past `end`.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::jsonrpc {

enum ByteClass : std::uint8_t {
  kSpaceByte = 1,  ///< white space of RFC 8259, section 2
  kDigitByte = 2,  ///< 0-9
  kHexByte = 4,    ///< 0-9, a-f, A-F
  kPlainByte =
      8,  ///< ASCII that stands for itself in a string: no quote, backslash or control character
  kEscapeByte = 16  ///< what may follow a backslash, but for u
};

[[nodiscard]] constexpr std::array<std::uint8_t, 256> make_byte_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&classes](const char* bytes, std::uint8_t cls) {
    for (; *bytes != '\0'; ++bytes) {
      auto& slot = classes[static_cast<unsigned char>(*bytes)];
      slot = static_cast<std::uint8_t>(slot | cls);
    }
  };
  for (unsigned byte = 0x20; byte < 0x80; ++byte) classes[byte] = kPlainByte;
  classes['"'] = 0;
  classes['\\'] = 0;
  mark(" \t\n\r", kSpaceByte);
  mark("0123456789", kDigitByte);
  mark("0123456789abcdefABCDEF", kHexByte);
  mark("\"\\/bfnrt", kEscapeByte);
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> kByteClasses = make_byte_classes();

[[nodiscard]] constexpr bool is_byte(char byte, ByteClass cls) noexcept {
  return (kByteClasses[static_cast<unsigned char>(byte)] & cls) != 0;
}

/// plain_run without vector instructions; also its reference in tests.
[[nodiscard]] inline const char* plain_run_portable(const char* p, const char* end) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kTops = kOnes * 0x80;
  // A subtraction may flag bytes above a true hit, never below it, and bytes above 0x7f count as
  // hits anyway.
  while (end - p >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, sizeof word);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t slash = word ^ (kOnes * '\\');
    const std::uint64_t hits = (word - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes) | word;
    if ((hits & kTops) == 0) {
      p += 8;
    } else if constexpr (std::endian::native == std::endian::little) {
      return p + std::countr_zero(hits & kTops) / 8;
    } else {
      break;
    }
  }
  while (p != end && is_byte(*p, kPlainByte)) ++p;
  return p;
}

/// The first byte in [p, end) that is not plain string content, or end.
[[nodiscard]] inline const char* plain_run(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i slash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(' ');
  while (end - p >= 16) {
    __m128i bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    // The comparison is signed: control characters and bytes above 0x7f both lie below the space.
    const __m128i hits =
        _mm_or_si128(_mm_cmplt_epi8(bytes, space),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hits));
    if (mask != 0) return p + std::countr_zero(mask);
    p += 16;
  }
#endif
  return plain_run_portable(p, end);
}

/// The first byte in [p, end) that is not white space, or end; for runs, behind skip_space.
[[nodiscard]] inline const char* space_run(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  while (end - p >= 16) {
    __m128i bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    const __m128i blank = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
                                       _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
    const __m128i other = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')),
                                       _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(blank, other)));
    if (mask != 0xffffU) return p + std::countr_one(mask);
    p += 16;
  }
#endif
  while (p != end && is_byte(*p, kSpaceByte)) ++p;
  return p;
}

/// Compact JSON has no white space, so that one look at one byte is the common case.
[[nodiscard, gnu::always_inline]] inline const char* skip_space(const char* p,
                                                                const char* end) noexcept {
  if (p == end || !is_byte(*p, kSpaceByte)) return p;
  return space_run(p + 1, end);
}

}  // namespace sluice::jsonrpc
