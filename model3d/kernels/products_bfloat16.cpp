// SPDX-License-Identifier: Apache-2.0
// Products of bfloat16 by the processor's own instruction, two terms a lane and instruction.
#include "model3d/kernels/instruction_set.h"
#include "model3d/kernels/products_loops.inc"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace larkspur::model3d {

#ifdef __AVX512BF16__

namespace {

/// sum + a0 b0 + a1 b1 in float32.
struct PairTerms {
  template <int V>
  [[gnu::always_inline]] static Vec<V> add(const Vec<V>& sum, const Vec<V>& a, const Vec<V>& b) {
    return (Vec<V>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  }
};

/// The first `lanes` of 16.
[[gnu::always_inline]] inline __mmask16 first_lanes(std::int64_t lanes) {
  return static_cast<__mmask16>(lanes < 16 ? (1U << lanes) - 1U : 0xFFFFU);
}

/// 16 floats, zeros where the mask ends, to the nearest bfloat16.
[[gnu::always_inline]] inline __m256i rounded(const float* from, __mmask16 mask) {
  return (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from));
}

void round_row(float* words, const float* row, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 16) {
    const __m256i pairs = rounded(row + i, first_lanes(count - i));
    const auto mask = static_cast<__mmask8>(first_lanes((count - i + 1) / 2));
    _mm256_mask_storeu_epi32(words + i / 2, mask, pairs);
  }
}

void round_rows(float* words, const float* earlier, const float* later, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 16) {
    const __mmask16 mask = first_lanes(count - i);
    __m512i word = _mm512_cvtepu16_epi32(rounded(earlier + i, mask));
    if (later != nullptr) {
      const __m512i high = _mm512_cvtepu16_epi32(rounded(later + i, mask));
      word = _mm512_or_si512(word, _mm512_slli_epi32(high, 16));
    }
    _mm512_mask_storeu_epi32(words + i, mask, word);
  }
}

constexpr ProductLoops kLoops{16,
                              2,
                              &multiply_panel<PairTerms, 16, 12, Form::kMultiply>,
                              &multiply_panel<PairTerms, 16, 12, Form::kAddTransposed>,
                              &transpose_columns<16>,
                              &add_values<16>,
                              &round_row,
                              &round_rows};

}  // namespace

const ProductLoops* bfloat16_product_loops() { return multiplies_bfloat16() ? &kLoops : nullptr; }

#else

const ProductLoops* bfloat16_product_loops() { return nullptr; }

#endif

}  // namespace larkspur::model3d
