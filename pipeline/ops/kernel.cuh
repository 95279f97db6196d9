// SPDX-License-Identifier: Apache-2.0
// What every .cu of ours includes: launches by name, shared memory by an accessor. C++17, no torch.
//
// The same sources run on the CPU in tests/cuda_on_cpu, one fiber a CUDA thread. That is why shared
// memory is static and reached through SharedArray (there every access is checked), kernels start
// through launch_kernel, and lanes of a warp meet in the _sync functions alone.
#pragma once

#include <cstdint>

#include <cuda_runtime.h>

#include "pipeline/ops/cuda_handles.h"

namespace larkspur::pipeline {

/// Queues kernel(arguments...) on `stream`, in blocks of `threads` threads, a multiple of 32, and
/// returns before the work is done. Throws Error{kDevice} with `name` when it cannot start.
template <typename... Formal, typename... Actual>
void launch_kernel(const char* name,
                   void (*kernel)(Formal...),
                   dim3 blocks,
                   int threads,
                   CUstream_st* stream,
                   Actual... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.stream = stream;
  cuda_check(static_cast<int>(cudaLaunchKernelEx(&config, kernel, arguments...)), name);
}

#ifdef LARKSPUR_CUDA_ON_CPU
template <int kCount>
using SharedWatch = cuda_on_cpu::SharedWatch<kCount>;
#else
/// Nothing is checked on a GPU.
template <int kCount>
struct SharedWatch {
  static __device__ constexpr bool may_read(int /*index*/, int /*count*/) { return true; }
  static __device__ constexpr bool may_write(int /*index*/, int /*count*/) { return true; }
};
#endif

/// Four neighbours: what a thread reads of shared memory at once.
struct alignas(16) Four {
  float v[4];
};

/// kCount values that the threads of a block share, unwritten when the block starts:
///   __shared__ SharedArray<float, 256> sums;
template <typename T, int kCount>
class SharedArray : private SharedWatch<kCount> {
 public:
  __device__ T get(int index) const { return this->may_read(index, 1) ? values_[index] : T{}; }
  __device__ void put(int index, T value) {
    if (this->may_write(index, 1)) values_[index] = value;
  }

  /// Four floats from an index that is a multiple of 4.
  __device__ Four four(int index) const {
    static_assert(sizeof(T) == sizeof(float), "four are of 32-bit values");
    if (!this->may_read(index, 4)) return {};
    return *reinterpret_cast<const Four*>(values_ + index);
  }

  /// Two 16-bit neighbours at an even index, the first one in the low half.
  __device__ std::uint32_t pair(int index) const {
    static_assert(sizeof(T) == 2, "a pair is of 16-bit values");
    if (!this->may_read(index, 2)) return 0;
    return *reinterpret_cast<const std::uint32_t*>(values_ + index);
  }

 private:
  alignas(16) T values_[kCount];
};

}  // namespace larkspur::pipeline
