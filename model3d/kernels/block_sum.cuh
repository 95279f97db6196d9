// SPDX-License-Identifier: Apache-2.0
// A sum over all threads of a block of 256, the same in each of them.
#pragma once

#include "model3d/kernels/slices.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::model3d {

using SharedBlockRoom = pipeline::SharedArray<double, kSliceThreads>;

/// By halves. By all threads of the block; `room` may be used again at once.
__device__ inline double block_sum(double value, SharedBlockRoom& room) {
  const int me = static_cast<int>(threadIdx.x);
  __syncthreads();
  room.put(me, value);
  __syncthreads();
  for (int half = kSliceThreads / 2; half > 0; half /= 2) {
    if (me < half) room.put(me, room.get(me) + room.get(me + half));
    __syncthreads();
  }
  return room.get(0);
}

}  // namespace larkspur::model3d
