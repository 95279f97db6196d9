// SPDX-License-Identifier: Apache-2.0
// Forward pass and input gradient on CUDA cores: a window of x that slides along w.
//
//   a thread: 8 outputs      y0 y1 y2 y3 y4 y5 y6 y7
//   4 taps at a time:   x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 xA      32 multiply-adds a vector of x and
//   one of taps the next 4 taps:                x4 ...                     keep 8 of x, read 4 more
//
// Every output's sum runs over its taps in ascending order, whatever the tile.
#include <algorithm>

#include "model3d/ops/dw_conv3d/dw_conv3d_mma.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_tile.cuh"

namespace larkspur::model3d {
namespace {

using pipeline::Four;
using pipeline::launch_kernel;
using pipeline::SharedArray;

using Tile = SharedArray<float, kDwConvTileFloats>;
using Taps = SharedArray<float, kDwConvOtherFloats>;

/// `rows` rows of taps to shared memory, zeros behind each row. `k`: the block's first channel;
/// `tap`: the first one of the first row.
template <typename T>
__device__ void load_taps(Taps& to,
                          const T* k,
                          const DwConv3dCorrelatePlan& p,
                          int channels,
                          int tap,
                          int rows,
                          bool reversed) {
  const DwConv3dCudaTile& t = p.tile;
  const int kernel_taps = static_cast<int>(t.kernel_taps);
  const int count = channels * rows * p.tap_pitch;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kDwConvThreads) {
    const int j = i % p.tap_pitch;
    const int b = i / p.tap_pitch % rows;
    const int c = i / p.tap_pitch / rows;
    float value = 0.0F;
    if (j < t.w.taps) {
      const int at = tap + b * t.taps_w + j;
      value = to_float(k[c * kernel_taps + (reversed ? kernel_taps - 1 - at : at)]);
    }
    to.put((c * p.tap_rows + b) * p.tap_pitch + j, value);
  }
}

/// sums[i] += row of taps x (row of x from output i on)
template <bool kDense>
__device__ void add_row(float (&sums)[kDwConvStrip],
                        const Tile& x,
                        int x_at,
                        int step,
                        const Taps& taps,
                        int taps_at,
                        int count) {
  float window[kDwConvStrip + kDwConvStep];
  for (int half = 0; half < 2; ++half) {
    const Four read = read_four<kDense>(x, x_at + half * 4 * step, step);
    for (int i = 0; i < 4; ++i) window[half * 4 + i] = read.v[i];
  }
#pragma unroll 1
  for (int j = 0; j < count; j += kDwConvStep) {
    const Four next = read_four<kDense>(x, x_at + (kDwConvStrip + j) * step, step);
    const Four tap = taps.four(taps_at + j);
#pragma unroll
    for (int i = 0; i < 4; ++i) window[kDwConvStrip + i] = next.v[i];
#pragma unroll
    for (int t = 0; t < kDwConvStep; ++t) {
#pragma unroll
      for (int i = 0; i < kDwConvStrip; ++i) {
        sums[i] = __fmaf_rn(tap.v[t], window[i + t], sums[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < kDwConvStrip; ++i) window[i] = window[i + kDwConvStep];
  }
}

/// What a thread computes: eight outputs of one channel and row.
struct Strip {
  int c, row;
  int first;  ///< position of its first output along w
  bool is_there;
};

__device__ Strip strip_of(const DwConv3dCorrelatePlan& p,
                          int channels,
                          int first_row,
                          int first_strip) {
  const DwConv3dCudaTile& t = p.tile;
  int rest = static_cast<int>(threadIdx.x);
  Strip strip{};
  if (t.channels_last) {
    strip.c = rest % t.channels;
    rest /= t.channels;
  }
  const int index = first_strip + rest % p.strips;
  rest /= p.strips;
  strip.row = first_row + rest % t.rows;
  rest /= t.rows;
  if (!t.channels_last) strip.c = rest;
  strip.first = index % t.w.rate + index / t.w.rate * kDwConvStrip * t.w.rate;
  strip.is_there = strip.c < channels && rest < t.channels && index < p.all_strips &&
                   strip.row < t.h.size && strip.first < t.w.size;
  return strip;
}

/// The work of block `index` of a correlation.
template <typename T, typename Tap, bool kDense>
__device__ void correlate_block(T* y,
                                const T* x,
                                const Tap* k,
                                const DwConv3dCorrelatePlan& p,
                                int index,
                                bool reversed,
                                Tile& tile,
                                Taps& taps) {
  const DwConv3dCudaTile& t = p.tile;
  const CorrelateBlock block = correlate_block_of(p, index);
  const Strip mine = strip_of(p, block.channels, block.first_row, block.first_strip);
  const int from_w =
      kDense ? block.first_strip * kDwConvStrip : 0;  // where the tile's outputs begin
  const int reach_h = t.h.reach * t.h.rate;
  const int low = larger_of(0, block.first_row - reach_h);
  const int high = smaller_of(t.h.size, block.first_row + t.rows + reach_h);
  const DwConv3dRows rows{
      block.channels, low, high - low, t.w.reach * t.w.rate - from_w, t.x_pitch, t.x_rows};
  float sums[kDwConvStrip] = {};
#pragma unroll 1
  for (int a = 0; a < t.d.taps; ++a) {
    const int d = block.d + (a - t.d.reach) * t.d.rate;
    if (d < 0 || d >= t.d.size) continue;  // the same for the whole block
    __syncthreads();
    load_rows(tile, row_of(x, t, block.n, block.channel, d, 0), t, rows);
    for (int first = 0; first < t.h.taps; first += p.tap_rows) {
      const int tap_rows = smaller_of(p.tap_rows, t.h.taps - first);
      const int tap = ((t.d.first_tap + a) * t.taps_h + t.h.first_tap + first) * t.taps_w;
      if (first > 0) __syncthreads();
      load_taps(taps,
                k + block.channel * t.kernel_taps,
                p,
                block.channels,
                tap + t.w.first_tap,
                tap_rows,
                reversed);
      __syncthreads();
#pragma unroll 1
      for (int b = 0; mine.is_there && b < tap_rows; ++b) {
        const int h = mine.row + (first + b - t.h.reach) * t.h.rate;
        if (h < 0 || h >= t.h.size) continue;
        add_row<kDense>(sums,
                        tile,
                        (mine.c * t.x_rows + h - low) * t.x_pitch + mine.first - from_w,
                        t.w.rate,
                        taps,
                        (mine.c * p.tap_rows + b) * p.tap_pitch,
                        p.tap_pitch);
      }
    }
  }
  if (!mine.is_there) return;
  T* to = row_of(y, t, block.n, block.channel + mine.c, block.d, mine.row);
#pragma unroll
  for (int i = 0; i < kDwConvStrip; ++i) {
    const int w = mine.first + i * t.w.rate;
    if (w < t.w.size) to[w * t.w_step] = from_float<T>(sums[i]);
  }
}

template <typename T, bool kDense>
__global__ void __launch_bounds__(kDwConvThreads, 4)
    correlate_kernel(T* y, const T* x, const T* k, DwConv3dCorrelatePlan p, bool reversed) {
  __shared__ SharedArray<float, kDwConvTileFloats> tile;
  __shared__ SharedArray<float, kDwConvOtherFloats> taps;
  correlate_block<T, T, kDense>(y, x, k, p, static_cast<int>(blockIdx.x), reversed, tile, taps);
}

/// Several correlations, a row of the grid each; blocks beyond a correlation's own do nothing.
template <typename T>
struct CorrelateTogether {
  DwConv3dCorrelatePlan plans[kDwConvMostTogether];
  DwConv3dJobs<T> jobs;
  bool reversed;
};

template <typename T>
__global__ void __launch_bounds__(kDwConvThreads, 4)
    correlate_together_kernel(const __grid_constant__ CorrelateTogether<T> all) {
  __shared__ SharedArray<float, kDwConvTileFloats> tile;
  __shared__ SharedArray<float, kDwConvOtherFloats> taps;
  const unsigned b = blockIdx.y;
  const int index = static_cast<int>(blockIdx.x);
  const DwConv3dCorrelatePlan& p = all.plans[b];
  const DwConv3dJobs<T>& jobs = all.jobs;
  if (index >= p.blocks) return;
  if (p.tile.w.rate == 1) {
    correlate_block<T, float, true>(
        jobs.y[b], jobs.x[b], jobs.k[b], p, index, all.reversed, tile, taps);
  } else {
    correlate_block<T, float, false>(
        jobs.y[b], jobs.x[b], jobs.k[b], p, index, all.reversed, tile, taps);
  }
}

/// `x_step`: from a branch's input to the next one's, 0 where all read the same.
template <typename T>
void correlate_together(const char* name,
                        T* y,
                        const T* x,
                        std::int64_t x_step,
                        const DwConv3dTogether& together,
                        bool reversed,
                        CUstream_st* stream) {
  CorrelateTogether<T> all{};
  all.reversed = reversed;
  all.jobs.count = together.count;
  for (int b = 0; b < together.count; ++b) {
    const DwConv3dShape& s = together.shapes[b];
    all.jobs.shapes[b] = &s;
    all.jobs.x[b] = x + b * x_step;
    all.jobs.y[b] = y + b * (s.n * s.c * s.d * s.h * s.w);
    all.jobs.k[b] = together.k[b];
  }
  if constexpr (sizeof(T) == 2) {
    all.jobs = correlate_together_on_tensor_cores(name, all.jobs, reversed, stream);
  }
  std::int64_t blocks = 0;
  for (int b = 0; b < all.jobs.count; ++b) {
    all.plans[b] = plan_cuda_correlation(*all.jobs.shapes[b]);
    blocks = std::max(blocks, all.plans[b].blocks);
  }
  if (blocks == 0) return;
  launch_kernel(name,
                correlate_together_kernel<T>,
                dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(all.jobs.count)),
                kDwConvThreads,
                stream,
                all);
}

template <typename T>
void correlate(const char* name,
               T* y,
               const T* x,
               const T* k,
               const DwConv3dShape& shape,
               bool reversed,
               CUstream_st* stream) {
  if constexpr (sizeof(T) == 2) {
    if (correlate_on_tensor_cores(name, y, x, k, shape, reversed, stream)) return;
  }
  const DwConv3dCorrelatePlan plan = plan_cuda_correlation(shape);
  if (plan.blocks == 0) return;
  const bool dense = plan.tile.w.rate == 1;
  launch_kernel(name,
                dense ? correlate_kernel<T, true> : correlate_kernel<T, false>,
                dim3(static_cast<unsigned>(plan.blocks)),
                kDwConvThreads,
                stream,
                y,
                x,
                k,
                plan,
                reversed);
}

}  // namespace

template <typename T>
void dw_conv3d_forward_cuda(
    T* y, const T* x, const T* k, const DwConv3dShape& shape, CUstream_st* stream) {
  correlate("[dw_conv3d] forward", y, x, k, shape, false, stream);
}

template <typename T>
void dw_conv3d_input_gradient_cuda(
    T* dx, const T* dy, const T* k, const DwConv3dShape& shape, CUstream_st* stream) {
  correlate("[dw_conv3d] input gradient", dx, dy, k, shape, true, stream);
}

template <typename T>
void dw_conv3d_forward_together_cuda(T* y,
                                     const T* x,
                                     const DwConv3dTogether& together,
                                     CUstream_st* stream) {
  correlate_together("[dw_conv3d] forward, together", y, x, 0, together, false, stream);
}

template <typename T>
void dw_conv3d_input_gradient_together_cuda(T* dx,
                                            const T* dy,
                                            const DwConv3dTogether& together,
                                            CUstream_st* stream) {
  const DwConv3dShape& s = together.shapes[0];
  correlate_together("[dw_conv3d] input gradient, together",
                     dx,
                     dy,
                     s.n * s.c * s.d * s.h * s.w,
                     together,
                     true,
                     stream);
}

#define LARKSPUR_INSTANTIATE(T)                                    \
  template void dw_conv3d_forward_cuda(                            \
      T*, const T*, const T*, const DwConv3dShape&, CUstream_st*); \
  template void dw_conv3d_input_gradient_cuda(                     \
      T*, const T*, const T*, const DwConv3dShape&, CUstream_st*); \
  template void dw_conv3d_forward_together_cuda(                   \
      T*, const T*, const DwConv3dTogether&, CUstream_st*);        \
  template void dw_conv3d_input_gradient_together_cuda(            \
      T*, const T*, const DwConv3dTogether&, CUstream_st*)
LARKSPUR_INSTANTIATE(float);
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
