// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/ops/kernel.cuh"

namespace larkspur::model3d {

constexpr int kWarpLanes = 32;

/// Over all lanes of the warp, by halves; the same in each of them.
__device__ inline float warp_sum(float value) {
  for (int by = kWarpLanes / 2; by > 0; by /= 2) value += __shfl_xor_sync(~0U, value, by);
  return value;
}

}  // namespace larkspur::model3d
