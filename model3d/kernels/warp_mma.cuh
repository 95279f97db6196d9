// SPDX-License-Identifier: Apache-2.0
// One product of small matrices by a whole warp: d[16 x 8] += a[16 x 16] * b[16 x 8], a and b in 16
// bits, d in float. On a GPU one instruction on tensor cores, mma.sync.m16n8k16 of the PTX manual,
// whose layout of fragments this is:
//
//   lane = 4 * group + in            group 0..7, in 0..3; a pair: the first one in the low half
//   a.v[r]  pair (row group + 8 * (r % 2), columns 2 * in + 8 * (r / 2) and the next)
//   b.v[r]  pair (rows 2 * in + 8 * r and the next, column group)
//   d.v[i]  row group + 8 * (i / 2), column 2 * in + i % 2
#pragma once

#include "model3d/kernels/device_types.cuh"

namespace larkspur::model3d {

struct MmaA {
  std::uint32_t v[4];
};
struct MmaB {
  std::uint32_t v[2];
};
struct MmaD {
  float v[4];
};

#ifdef LARKSPUR_CUDA_ON_CPU

template <typename T>
float half_of(std::uint32_t pair, int which) {
  return to_float(T{static_cast<std::uint16_t>(which == 0 ? pair : pair >> 16)});
}

/// The twin: lanes leave their fragments and each adds up its own elements of d.
template <typename T>
void warp_mma(MmaD& d, const MmaA& a, const MmaB& b) {
  struct Fragments {
    MmaA a;
    MmaB b;
  };
  const Fragments mine{a, b};
  const auto& slots = cuda_on_cpu::warp_meet(&mine, sizeof(mine), ~0U, __LINE__);
  const int group = cuda_on_cpu::my_lane() / 4;
  const int in = cuda_on_cpu::my_lane() % 4;
  float rows[2][16];     // of a: mine are group and group + 8
  float columns[2][16];  // of b: 2 * in and the next
  for (int which = 0; which < 4; ++which) {
    const auto left = cuda_on_cpu::slot_as<Fragments>(slots, group * 4 + which);
    for (int half = 0; half < 2; ++half) {
      const auto right = cuda_on_cpu::slot_as<Fragments>(slots, (in * 2 + half) * 4 + which);
      for (int k = 0; k < 4; ++k) {  // of 16: two behind each other, and two 8 further on
        const int at = which * 2 + k % 2 + k / 2 * 8;
        rows[half][at] = half_of<T>(left.a.v[half + k / 2 * 2], k % 2);
        columns[half][at] = half_of<T>(right.b.v[k / 2], k % 2);
      }
    }
  }
  for (int i = 0; i < 4; ++i) {
    for (int k = 0; k < 16; ++k) d.v[i] = __fmaf_rn(rows[i / 2][k], columns[i % 2][k], d.v[i]);
  }
}

#else

template <typename T>
__device__ void warp_mma(MmaD& d, const MmaA& a, const MmaB& b);

#define LARKSPUR_MMA(T, NAME)                                                                     \
  template <>                                                                                     \
  __device__ inline void warp_mma<T>(MmaD & d, const MmaA& a, const MmaB& b) {                    \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." NAME "." NAME                           \
                 ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                     \
                 : "+f"(d.v[0]), "+f"(d.v[1]), "+f"(d.v[2]), "+f"(d.v[3])                         \
                 : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "r"(b.v[0]), "r"(b.v[1])); \
  }
LARKSPUR_MMA(Bfloat16, "bf16")
LARKSPUR_MMA(Float16, "f16")
#undef LARKSPUR_MMA

#endif

}  // namespace larkspur::model3d
