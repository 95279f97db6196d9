// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/adamw_kernels.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::pipeline {
namespace {

// A block a piece. Written with the round-to-nearest intrinsics so that nvcc fuses nothing: the
// same order of roundings as the CPU twin.
__global__ void __launch_bounds__(kAdamWThreads)
    adamw_kernel(const __grid_constant__ AdamWCall call) {
  const AdamWPiece piece = call.pieces[blockIdx.x];
  const AdamWRates rates = call.rates[piece.group];
  const AdamWScalars& s = call.scalars;
  float* values = call.value + piece.value;
  for (std::int64_t k = threadIdx.x; k < piece.elements; k += kAdamWThreads) {
    const std::int64_t i = piece.packed + k;
    const float g = __fmul_rn(call.gradient[i], s.gradient_scale);
    const float before = call.moment1[i];
    const float m = __fadd_rn(before, __fmul_rn(1.0F - s.beta1, __fsub_rn(g, before)));
    const float v =
        __fadd_rn(__fmul_rn(s.beta2, call.moment2[i]), __fmul_rn(__fmul_rn(1.0F - s.beta2, g), g));
    call.moment1[i] = m;
    call.moment2[i] = v;
    const float denominator = __fadd_rn(__fdiv_rn(__fsqrt_rn(v), s.root_correction2), s.epsilon);
    values[k] = __fsub_rn(__fmul_rn(values[k], rates.decay),
                          __fmul_rn(rates.step_size, __fdiv_rn(m, denominator)));
  }
}

}  // namespace

void adamw_cuda(const AdamWCall& call, CUstream_st* stream) {
  if (call.count == 0) return;
  launch_kernel("[adamw] launch",
                adamw_kernel,
                dim3(static_cast<unsigned>(call.count)),
                kAdamWThreads,
                stream,
                call);
}

}  // namespace larkspur::pipeline
