// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/chunk_norms_kernels.h"

namespace larkspur::pipeline {

void chunk_square_sums_cpu(double* sums,
                           const float* gradient,
                           std::int64_t elements,
                           double scale) {
  for (std::int64_t chunk = 0; chunk < elements / kChunkNormElements; ++chunk) {
    const float* values = gradient + chunk * kChunkNormElements;
    double sum = 0.0;
    for (std::int64_t i = 0; i < kChunkNormElements; ++i) {
      const double scaled = values[i] * scale;
      sum += scaled * scaled;
    }
    sums[chunk] = sum;
  }
}

}  // namespace larkspur::pipeline
