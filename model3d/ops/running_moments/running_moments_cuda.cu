// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "model3d/ops/running_moments/running_moments_kernels.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::model3d {
namespace {

/// A block row a vector, a thread an element.
__global__ void __launch_bounds__(kRunningThreads)
    step_running_kernel(const __grid_constant__ RunningVectors all, float keep) {
  const RunningVector& own = all.at[blockIdx.y];
  const int i = static_cast<int>(blockIdx.x) * kRunningThreads + static_cast<int>(threadIdx.x);
  if (i < own.elements) own.running[i] = own.running[i] * keep + own.batch[i] * own.share;
}

}  // namespace

void step_running_moments_cuda(const RunningVectors& all, float keep, CUstream_st* stream) {
  int most = 1;
  for (int i = 0; i < all.count; ++i) most = std::max(most, all.at[i].elements);
  pipeline::launch_kernel(
      "[step_running_moments]",
      step_running_kernel,
      dim3(static_cast<unsigned>((most + kRunningThreads - 1) / kRunningThreads),
           static_cast<unsigned>(all.count)),
      kRunningThreads,
      stream,
      all,
      keep);
}

}  // namespace larkspur::model3d
