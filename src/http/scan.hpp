// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "http/characters.hpp"

namespace sluice::http {

/// The first control byte (below 0x20 but HTAB, or DEL) in [p, end), else `end`. Sixteen bytes a
/// step where the baseline of x86-64 allows it; reads nothing at or past `end`.
inline const char* find_control(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  const __m128i highest = _mm_set1_epi8(0x1F);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7F);
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest), bytes);
    const __m128i control = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low);
    const __m128i bad = _mm_or_si128(control, _mm_cmpeq_epi8(bytes, del));
    if (const int mask = _mm_movemask_epi8(bad); mask != 0) {
      return p + std::countr_zero(static_cast<unsigned>(mask));
    }
  }
#endif
  while (p != end && !is(kControl, *p)) ++p;
  return p;
}

}  // namespace sluice::http
