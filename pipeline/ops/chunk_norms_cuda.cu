// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/chunk_norms_kernels.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::pipeline {
namespace {

static_assert(kChunkNormElements % kChunkNormThreads == 0, "every thread has as many elements");
static_assert((kChunkNormThreads & (kChunkNormThreads - 1)) == 0, "threads are added in halves");

// The round-to-nearest intrinsics keep nvcc from fusing a product and its sum.
__global__ void __launch_bounds__(kChunkNormThreads)
    chunk_square_sums_kernel(double* sums, const float* gradient, double scale) {
  __shared__ SharedArray<double, kChunkNormThreads> partial;
  const float* values = gradient + static_cast<std::int64_t>(blockIdx.x) * kChunkNormElements;
  const int thread = static_cast<int>(threadIdx.x);
  double sum = 0.0;
  for (std::int64_t i = thread; i < kChunkNormElements; i += kChunkNormThreads) {
    const double scaled = __dmul_rn(static_cast<double>(values[i]), scale);
    sum = __dadd_rn(sum, __dmul_rn(scaled, scaled));
  }
  partial.put(thread, sum);
  __syncthreads();
  for (int half = kChunkNormThreads / 2; half > 0; half /= 2) {
    if (thread < half) {
      partial.put(thread, __dadd_rn(partial.get(thread), partial.get(thread + half)));
    }
    __syncthreads();
  }
  if (thread == 0) sums[blockIdx.x] = partial.get(0);
}

}  // namespace

void chunk_square_sums_cuda(
    double* sums, const float* gradient, std::int64_t elements, double scale, CUstream_st* stream) {
  if (elements == 0) return;
  launch_kernel("[chunk_square_sums] launch",
                chunk_square_sums_kernel,
                dim3(static_cast<unsigned>(chunk_norm_blocks(elements))),
                kChunkNormThreads,
                stream,
                sums,
                gradient,
                scale);
}

}  // namespace larkspur::pipeline
