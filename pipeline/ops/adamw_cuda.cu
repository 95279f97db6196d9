// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/adamw_kernels.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::pipeline {
namespace {

// Written with the round-to-nearest intrinsics so that nvcc fuses nothing: the same order of
// roundings as the CPU twin.
__global__ void __launch_bounds__(kAdamWThreads) adamw_kernel(float* value,
                                                              float* moment1,
                                                              float* moment2,
                                                              const float* gradient,
                                                              std::int64_t n,
                                                              AdamWScalars s) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += stride) {
    const float g = __fmul_rn(gradient[i], s.gradient_scale);
    const float m = __fadd_rn(moment1[i], __fmul_rn(1.0F - s.beta1, __fsub_rn(g, moment1[i])));
    const float v =
        __fadd_rn(__fmul_rn(s.beta2, moment2[i]), __fmul_rn(__fmul_rn(1.0F - s.beta2, g), g));
    moment1[i] = m;
    moment2[i] = v;
    const float denominator = __fadd_rn(__fdiv_rn(__fsqrt_rn(v), s.root_correction2), s.epsilon);
    value[i] =
        __fsub_rn(__fmul_rn(value[i], s.decay), __fmul_rn(s.step_size, __fdiv_rn(m, denominator)));
  }
}

}  // namespace

void adamw_cuda(float* value,
                float* moment1,
                float* moment2,
                const float* gradient,
                std::int64_t n,
                const AdamWScalars& scalars,
                CUstream_st* stream) {
  if (n == 0) return;
  launch_kernel("[adamw] launch",
                adamw_kernel,
                dim3(static_cast<unsigned>(adamw_blocks(n))),
                kAdamWThreads,
                stream,
                value,
                moment1,
                moment2,
                gradient,
                n,
                scalars);
}

}  // namespace larkspur::pipeline
