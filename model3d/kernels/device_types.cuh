// SPDX-License-Identifier: Apache-2.0
// Elements of kernels to float and back: sums are float everywhere.
#pragma once

#include <cstdint>

#include <cuda_runtime.h>
#ifdef LARKSPUR_CUDA_ON_CPU
#include <cstring>
#include <vector>
#else
#include <cuda_fp16.h>
#endif

#include "model3d/kernels/half_types.h"

namespace larkspur::model3d {

#ifdef LARKSPUR_CUDA_ON_CPU
/// All values: processors without an instruction for them take long.
inline const float* float16_table() {
  static const std::vector<float> table = [] {
    std::vector<float> values(1U << 16U);
    for (std::size_t bits = 0; bits < values.size(); ++bits) {
      const auto low = static_cast<std::uint16_t>(bits);
      _Float16 half;
      std::memcpy(&half, &low, sizeof(half));
      values[bits] = static_cast<float>(half);
    }
    return values;
  }();
  return table.data();
}
#endif

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(Bfloat16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}
__device__ inline float to_float(Float16 value) {
#ifdef LARKSPUR_CUDA_ON_CPU
  return float16_table()[value.bits];
#else
  return __half2float(__ushort_as_half(value.bits));
#endif
}

/// To the nearest value of T, ties to even; what is no number stays none.
template <typename T>
__device__ inline T from_float(float value);

template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline Bfloat16 from_float<Bfloat16>(float value) {
  const unsigned bits = __float_as_uint(value);
  if (value != value) return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16)};
}
template <>
__device__ inline Float16 from_float<Float16>(float value) {
#ifdef LARKSPUR_CUDA_ON_CPU
  const auto half = static_cast<_Float16>(value);
  Float16 result{};
  std::memcpy(&result.bits, &half, sizeof(half));
  return result;
#else
  return {__half_as_ushort(__float2half_rn(value))};
#endif
}

}  // namespace larkspur::model3d
