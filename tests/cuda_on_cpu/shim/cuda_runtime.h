// SPDX-License-Identifier: Apache-2.0
// CUDA's words for g++, as far as our kernels use them: a kernel is a function, its shared memory
// is static, and its threads are fibers (grid.h). What is not here is not to be used in a kernel.
#pragma once

#include <cmath>
#include <cstring>

#include <cuda_runtime_api.h>

#include "tests/cuda_on_cpu/grid.h"
#include "tests/cuda_on_cpu/shared_watch.h"

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)

// The scheduler sets these whenever it changes threads.
inline uint3 threadIdx{}, blockIdx{};
inline dim3 blockDim{}, gridDim{};

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

template <typename... Formal, typename... Actual>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config,
                               void (*kernel)(Formal...),
                               Actual... arguments) {
  namespace emulated = larkspur::cuda_on_cpu;
  const auto body = [&] { kernel(static_cast<Formal>(arguments)...); };
  return emulated::run_grid(config->gridDim, config->blockDim, body)
             ? cudaSuccess
             : cudaErrorInvalidConfiguration;
}

inline void __syncthreads(int line = __builtin_LINE()) {
  larkspur::cuda_on_cpu::block_barrier(line);
}

inline void __syncwarp(unsigned mask = ~0U, int line = __builtin_LINE()) {
  larkspur::cuda_on_cpu::warp_meet(nullptr, 0, mask, line);
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, int /*width*/ = 32, int line = __builtin_LINE()) {
  return larkspur::cuda_on_cpu::warp_value<T>(mask, value, lane & 31, line);
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int by, int /*width*/ = 32, int line = __builtin_LINE()) {
  return __shfl_sync(mask, value, larkspur::cuda_on_cpu::my_lane() ^ by, 32, line);
}

template <typename T>
T __shfl_down_sync(
    unsigned mask, T value, int by, int /*width*/ = 32, int line = __builtin_LINE()) {
  const int lane = larkspur::cuda_on_cpu::my_lane();
  return __shfl_sync(mask, value, lane + by < 32 ? lane + by : lane, 32, line);
}

// Compiled with -ffp-contract=off: every operation rounds by itself.
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
