// SPDX-License-Identifier: Apache-2.0
// GELU, the exact form, and its slope on a GPU; the CPU's are in gelu.inc.
#pragma once

#include <cuda_runtime.h>

namespace larkspur::model3d {

/// Phi(x), exact to rounding also where it is small.
__device__ inline float normal_cumulative(float x) { return 0.5F * erfcf(x * -0.707106781F); }

__device__ inline float gelu_at(float x) { return x * normal_cumulative(x); }

__device__ inline float gelu_slope_at(float x) {
  constexpr float kDensity = 0.398942280F;  // 1 / sqrt(2 pi)
  return x * (expf(x * x * -0.5F) * kDensity) + normal_cumulative(x);
}

}  // namespace larkspur::model3d
