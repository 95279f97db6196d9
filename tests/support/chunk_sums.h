// SPDX-License-Identifier: Apache-2.0
// Sums of squares of one chunk, written from the contract of pipeline/ops/chunk_norms_kernels.h.
#pragma once

#include <array>
#include <cstddef>

namespace larkspur::testing {

/// As the CPU adds: one element after the other.
inline double square_sum_in_order(const float* values, double scale) {
  double sum = 0.0;
  for (int i = 0; i < 4096; ++i) sum += (values[i] * scale) * (values[i] * scale);
  return sum;
}

/// As the GPU adds: 256 threads, each every 256th element; then the upper half onto the lower.
inline double square_sum_in_halves(const float* values, double scale) {
  std::array<double, 256> sums{};
  for (std::size_t i = 0; i < 4096; ++i) sums[i % 256] += (values[i] * scale) * (values[i] * scale);
  for (std::size_t half = 128; half > 0; half /= 2) {
    for (std::size_t t = 0; t < half; ++t) sums[t] += sums[t + half];
  }
  return sums[0];
}

}  // namespace larkspur::testing
