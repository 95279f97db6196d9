// SPDX-License-Identifier: Apache-2.0
// What one core does at best, measured where a benchmark runs: shares are of these.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include <immintrin.h>

#include "model3d/kernels/instruction_set.h"

namespace larkspur::bench {

/// The best of at least three runs, as many as 0.3 s hold, at most 200.
template <typename Run>
double best_seconds(const Run& run) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  double best = 1e30;
  const auto start = Clock::now();
  for (int i = 0; i < 3 || (since(start) < 0.3 && i < 200); ++i) {
    const auto begin = Clock::now();
    run();
    best = std::min(best, since(begin));
  }
  return best;
}

// Twelve running sums: more than a core has multiply-adds in flight.
constexpr int kSums = 12;

[[gnu::target("avx512f")]] inline float multiply_add_16(std::int64_t rounds) {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const __m512 factor = _mm512_set1_ps(0.999F);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(sum, factor, factor);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_cvtss_f32(sums[0]);
}

[[gnu::target("avx2,fma")]] inline float multiply_add_8(std::int64_t rounds) {
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  const __m256 factor = _mm256_set1_ps(0.999F);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, factor, factor);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  return _mm256_cvtss_f32(sums[0]);
}

/// 1e9 float32 operations a second, a multiply-add counted as two; 0 without AVX2.
inline double multiply_add_gflops() {
  using model3d::InstructionSet;
  constexpr std::int64_t kRounds = 1 << 22;
  const InstructionSet set = model3d::fastest_instruction_set();
  if (set == InstructionSet::kPortable) return 0;
  const bool wide = set == InstructionSet::kAvx512;
  volatile float keep = 0;
  const double seconds =
      best_seconds([&] { keep = wide ? multiply_add_16(kRounds) : multiply_add_8(kRounds); });
  return 2e-9 * kSums * (wide ? 16 : 8) * kRounds / seconds;
}

/// 1e9 bytes a second of a copy far beyond the caches, bytes read and bytes written both counted.
inline double copy_gigabytes() {
  std::vector<char> from(256 << 20, 1);
  std::vector<char> to(from.size());
  const double seconds = best_seconds([&] { std::memcpy(to.data(), from.data(), from.size()); });
  return 2e-9 * static_cast<double>(from.size()) / seconds;
}

}  // namespace larkspur::bench
