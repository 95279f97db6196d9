// SPDX-License-Identifier: Apache-2.0
// A block a sample, a warp an element of a product: these matrices are a few hundred wide.
#include "model3d/kernels/warp_sum.cuh"
#include "model3d/ops/excite_gate/excite_gate_kernels.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::model3d {
namespace {

using pipeline::launch_kernel;

constexpr int kWarps = kGateThreads / kWarpLanes;

/// Of a matrix's row and a vector, the same in all lanes.
__device__ float row_product(const float* row, const float* vector, std::int64_t count) {
  float sum = 0.0F;
  for (std::int64_t i = static_cast<int>(threadIdx.x) % kWarpLanes; i < count; i += kWarpLanes) {
    sum += row[i] * vector[i];
  }
  return warp_sum(sum);
}

__global__ void __launch_bounds__(kGateThreads)
    gate_forward_kernel(ExciteGateCall call, const float* down_bias, const float* up_bias) {
  const std::int64_t sample = blockIdx.x;
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const bool writes = threadIdx.x % kWarpLanes == 0;
  const float* means = call.means + sample * call.channels;
  float* inner = call.inner + sample * call.squeezed;
  for (std::int64_t s = warp; s < call.squeezed; s += kWarps) {
    const float sum =
        down_bias[s] + row_product(call.down + s * call.channels, means, call.channels);
    if (writes) inner[s] = sum > 0.0F ? sum : 0.0F;
  }
  __syncthreads();
  for (std::int64_t c = warp; c < call.channels; c += kWarps) {
    const float sum = up_bias[c] + row_product(call.up + c * call.squeezed, inner, call.squeezed);
    if (writes) call.gate[sample * call.channels + c] = 1.0F / (1.0F + expf(-sum));
  }
}

/// Of a matrix's column and a vector.
__device__ float column_product(const float* column,
                                const float* vector,
                                std::int64_t count,
                                std::int64_t pitch) {
  float sum = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) sum += column[i * pitch] * vector[i];
  return sum;
}

__global__ void __launch_bounds__(kGateThreads) gate_backward_kernel(
    float* dmeans, float* of_up_all, float* of_down_all, const float* dgate, ExciteGateCall call) {
  const std::int64_t sample = blockIdx.x;
  const int me = static_cast<int>(threadIdx.x);
  const std::int64_t first = sample * call.channels;
  float* of_up = of_up_all + first;
  float* of_down = of_down_all + sample * call.squeezed;
  for (std::int64_t c = me; c < call.channels; c += kGateThreads) {
    const float gate = call.gate[first + c];
    of_up[c] = dgate[first + c] * gate * (1.0F - gate);
  }
  __syncthreads();
  for (std::int64_t s = me; s < call.squeezed; s += kGateThreads) {
    const float sum = column_product(call.up + s, of_up, call.channels, call.squeezed);
    of_down[s] = call.inner[sample * call.squeezed + s] > 0.0F ? sum : 0.0F;
  }
  __syncthreads();
  for (std::int64_t c = me; c < call.channels; c += kGateThreads) {
    dmeans[first + c] = column_product(call.down + c, of_down, call.squeezed, call.channels);
  }
}

/// sum over samples of a[n][i] * b[n][j]
__device__ float over_samples(const float* a,
                              std::int64_t a_pitch,
                              const float* b,
                              std::int64_t b_pitch,
                              std::int64_t samples) {
  float sum = 0.0F;
  for (std::int64_t n = 0; n < samples; ++n) {
    sum += a[n * a_pitch] * (b == nullptr ? 1.0F : b[n * b_pitch]);
  }
  return sum;
}

/// A thread an element: of down, of up, then of the biases.
__global__ void __launch_bounds__(kGateThreads) gate_weights_kernel(ExciteGateGradients gradients,
                                                                    const float* of_up,
                                                                    const float* of_down,
                                                                    ExciteGateCall call) {
  const std::int64_t c = call.channels;
  const std::int64_t s = call.squeezed;
  std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kGateThreads + threadIdx.x;
  if (i < s * c) {
    gradients.down[i] = over_samples(of_down + i / c, s, call.means + i % c, c, call.n);
    return;
  }
  i -= s * c;
  if (i < s * c) {
    gradients.up[i] = over_samples(of_up + i / s, c, call.inner + i % s, s, call.n);
    return;
  }
  i -= s * c;
  if (i < s) {
    gradients.down_bias[i] = over_samples(of_down + i, s, nullptr, 0, call.n);
  } else if (i < s + c) {
    gradients.up_bias[i - s] = over_samples(of_up + i - s, c, nullptr, 0, call.n);
  }
}

}  // namespace

void excite_gate_forward_cuda(const ExciteGateCall& call,
                              const float* down_bias,
                              const float* up_bias,
                              CUstream_st* stream) {
  launch_kernel("[excite_gate] forward",
                gate_forward_kernel,
                dim3(static_cast<unsigned>(call.n)),
                kGateThreads,
                stream,
                call,
                down_bias,
                up_bias);
}

void excite_gate_backward_cuda(const ExciteGateGradients& gradients,
                               float* of_up,
                               float* of_down,
                               const float* dgate,
                               const ExciteGateCall& call,
                               CUstream_st* stream) {
  launch_kernel("[excite_gate] backward",
                gate_backward_kernel,
                dim3(static_cast<unsigned>(call.n)),
                kGateThreads,
                stream,
                gradients.means,
                of_up,
                of_down,
                dgate,
                call);
  const std::int64_t elements = 2 * call.squeezed * call.channels + call.squeezed + call.channels;
  launch_kernel("[excite_gate] weights",
                gate_weights_kernel,
                dim3(static_cast<unsigned>((elements + kGateThreads - 1) / kGateThreads)),
                kGateThreads,
                stream,
                gradients,
                of_up,
                of_down,
                call);
}

}  // namespace larkspur::model3d
