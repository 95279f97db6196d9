// SPDX-License-Identifier: Apache-2.0
// Weight gradient on CUDA cores (in 16 bits a part of it on tensor cores:
// dw_conv3d_gradient_mma_cuda.cu): the batch in slices that the shape fixes, one sum a slice and
// tap, then the slices in order. No atomics.
//
//   a thread: 8 taps of one row      k0 k1 ... k7        4 outputs at a time: 32 multiply-adds for
//   a vector of taps, every groups-th row     dy0 dy1 dy2 dy3     of dy and one of x; the window of
//   x slides along w
//
// Taps that reach nothing are not summed: their gradient is set to 0.
#include <algorithm>

#include "model3d/ops/dw_conv3d/dw_conv3d_mma.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_tile.cuh"

namespace larkspur::model3d {
namespace {

using pipeline::Four;
using pipeline::launch_kernel;
using pipeline::SharedArray;

using XTile = SharedArray<float, kDwConvTileFloats>;
using YTile = SharedArray<float, kDwConvOtherFloats>;

/// What a block sums: rows of taps [first_tap_row, ...) of plane a, over one slice.
struct Share {
  int a, first_tap_row, slice, channel;
  int channels;
};

__device__ Share share_of(const DwConv3dGradientPlan& p, int block) {
  const DwConv3dCudaTile& t = p.tile;
  const int groups = static_cast<int>((t.c + t.channels - 1) / t.channels);
  const int row_parts = (t.h.taps + p.tap_rows - 1) / p.tap_rows;
  Share share{};
  share.a = block % t.d.taps;
  block /= t.d.taps;
  share.first_tap_row = block % row_parts * p.tap_rows;
  block /= row_parts;
  share.channel = block % groups * t.channels;
  share.slice = block / groups;
  share.channels = static_cast<int>(smaller_of<std::int64_t>(t.c - share.channel, t.channels));
  return share;
}

/// What a thread sums: taps [j, j + 8) of one channel's row of taps, over rows group, group +
/// groups, ...
struct Strip {
  int c, b, j, group;
  bool is_there;
};

__device__ Strip strip_of(const DwConv3dGradientPlan& p, const Share& share) {
  int rest = static_cast<int>(threadIdx.x);
  Strip strip{};
  strip.j = rest % p.tap_strips * kDwConvStrip;
  rest /= p.tap_strips;
  strip.b = rest % p.tap_rows;
  rest /= p.tap_rows;
  strip.group = rest % p.groups;
  strip.c = rest / p.groups;
  strip.is_there = strip.c < share.channels && share.first_tap_row + strip.b < p.tile.h.taps;
  return strip;
}

/// sums[t] += row of dy x (row of x from tap t on)
template <bool kDense>
__device__ void add_row(float (&sums)[kDwConvStrip],
                        const YTile& y,
                        int y_at,
                        const XTile& x,
                        int x_at,
                        int step,
                        int count) {
  float window[kDwConvStrip + kDwConvStep];
  for (int half = 0; half < 2; ++half) {
    const Four read = read_four<kDense>(x, x_at + half * 4 * step, step);
    for (int i = 0; i < 4; ++i) window[half * 4 + i] = read.v[i];
  }
#pragma unroll 1
  for (int o = 0; o < count; o += kDwConvStep) {
    const Four next = read_four<kDense>(x, x_at + (kDwConvStrip + o) * step, step);
    const Four gradient = read_four<kDense>(y, y_at + o * step, step);
#pragma unroll
    for (int i = 0; i < 4; ++i) window[kDwConvStrip + i] = next.v[i];
#pragma unroll
    for (int i = 0; i < kDwConvStep; ++i) {
#pragma unroll
      for (int t = 0; t < kDwConvStrip; ++t) {
        sums[t] = __fmaf_rn(gradient.v[i], window[i + t], sums[t]);
      }
    }
#pragma unroll
    for (int i = 0; i < kDwConvStrip; ++i) window[i] = window[i + kDwConvStep];
  }
}

/// The groups' sums of a tap one after the other, by the threads of the first group.
__device__ void add_groups(float (&sums)[kDwConvStrip],
                           XTile& room,
                           const DwConv3dGradientPlan& p,
                           const Strip& mine) {
  const int me = static_cast<int>(threadIdx.x);
  const int in_group = p.tap_strips * p.tap_rows;  // threads from one group to the next
  __syncthreads();
  if (mine.is_there && mine.group > 0) {
    for (int t = 0; t < kDwConvStrip; ++t) room.put(me + t * kDwConvThreads, sums[t]);
  }
  __syncthreads();
  if (!mine.is_there || mine.group > 0) return;
  for (int group = 1; group < p.groups; ++group) {
    for (int t = 0; t < kDwConvStrip; ++t) {
      sums[t] = __fadd_rn(sums[t], room.get(me + group * in_group + t * kDwConvThreads));
    }
  }
}

__device__ void write_taps(float* partial,
                           const float (&sums)[kDwConvStrip],
                           const DwConv3dGradientPlan& p,
                           int index,
                           const Share& share,
                           const Strip& mine) {
  const DwConv3dCudaTile& t = p.tile;
  // The slice is computed again: in a register all along, it would spill.
  const int a_slice = t.d.taps * ((t.h.taps + p.tap_rows - 1) / p.tap_rows) *
                      ((static_cast<int>(t.c) + t.channels - 1) / t.channels);
  const std::int64_t slice = index / a_slice;
  const std::int64_t row =
      ((slice * t.c + share.channel + mine.c) * t.d.taps + share.a) * t.h.taps +
      share.first_tap_row + mine.b;
  for (int i = 0; i < kDwConvStrip && mine.j + i < t.w.taps; ++i) {
    partial[row * t.w.taps + mine.j + i] = sums[i];
  }
}

/// The work of block `index` of a weight gradient.
template <typename T, bool kDense>
__device__ void sum_slice(float* partial,
                          const T* x,
                          const T* dy,
                          const DwConv3dGradientPlan& p,
                          int index,
                          XTile& x_tile,
                          YTile& y_tile) {
  static_assert(kDwConvTileFloats >= kDwConvThreads * kDwConvStrip, "groups meet in the tile");
  const DwConv3dCudaTile& t = p.tile;
  const Share share = share_of(p, index);
  const Strip mine = strip_of(p, share);
  const int step = kDense ? 1 : t.w.rate;
  const int run = (t.w.size + step - 1) / step;  // outputs between which `rate` positions lie
  float sums[kDwConvStrip] = {};
  const int first_offset = (share.first_tap_row - t.h.reach) * t.h.rate;
  const int last_offset = first_offset + (p.tap_rows - 1) * t.h.rate;
  const std::int64_t jobs = t.n * t.d.size * p.row_tiles;
  const int last_job = static_cast<int>(jobs * (share.slice + 1) / p.slices);
#pragma unroll 1
  for (int job = static_cast<int>(jobs * share.slice / p.slices); job < last_job; ++job) {
    const int first_row = job % p.row_tiles * t.rows;
    const int d = job / p.row_tiles % t.d.size;
    const int n = job / p.row_tiles / t.d.size;
    const int from_d = d + (share.a - t.d.reach) * t.d.rate;
    if (from_d < 0 || from_d >= t.d.size) continue;  // the same for the whole block
    const int rows = smaller_of(t.rows, t.h.size - first_row);
    const int low = smaller_of(t.h.size, larger_of(0, first_row + first_offset));
    const int high = larger_of(low, smaller_of(t.h.size, first_row + rows + last_offset));
    __syncthreads();
    load_rows(y_tile,
              row_of(dy, t, n, share.channel, d, 0),
              t,
              {share.channels, first_row, rows, 0, p.y_pitch, t.rows});
    load_rows(x_tile,
              row_of(x, t, n, share.channel, from_d, 0),
              t,
              {share.channels, low, high - low, t.w.reach * t.w.rate, t.x_pitch, t.x_rows});
    __syncthreads();
    if (!mine.is_there) continue;
#pragma unroll 1
    for (int row = mine.group; row < rows; row += p.groups) {
      const int h = first_row + row + first_offset + mine.b * t.h.rate;
      if (h < 0 || h >= t.h.size) continue;
      const int y_at = (mine.c * t.rows + row) * p.y_pitch;
      const int x_at = (mine.c * t.x_rows + h - low) * t.x_pitch + mine.j * step;
#pragma unroll 1
      for (int phase = 0; phase < step; ++phase) {
        add_row<kDense>(sums, y_tile, y_at + phase, x_tile, x_at + phase, step, run);
      }
    }
  }
  add_groups(sums, x_tile, p, mine);
  if (mine.is_there && mine.group == 0) write_taps(partial, sums, p, index, share, mine);
}

/// Several weight gradients, a row of the grid each; blocks beyond a gradient's own do nothing.
template <typename T>
struct GradientsTogether {
  DwConv3dGradientPlan plans[kDwConvMostTogether];
  DwConv3dGradientJobs<T> jobs;
};

template <typename T>
__global__ void __launch_bounds__(kDwConvThreads, 4)
    slice_together_kernel(const __grid_constant__ GradientsTogether<T> all) {
  __shared__ SharedArray<float, kDwConvTileFloats> x_tile;
  __shared__ SharedArray<float, kDwConvOtherFloats> y_tile;
  const unsigned b = blockIdx.y;
  const int index = static_cast<int>(blockIdx.x);
  const DwConv3dGradientPlan& p = all.plans[b];
  const DwConv3dGradientJobs<T>& jobs = all.jobs;
  if (index >= p.blocks) return;
  if (p.tile.w.rate == 1) {
    sum_slice<T, true>(jobs.partial[b], jobs.x, jobs.dy[b], p, index, x_tile, y_tile);
  } else {
    sum_slice<T, false>(jobs.partial[b], jobs.x, jobs.dy[b], p, index, x_tile, y_tile);
  }
}

/// What the second kernel adds: a row of the grid a gradient.
template <typename K>
struct SlicesTogether {
  DwConv3dCudaTile tiles[kDwConvMostTogether];
  int slices[kDwConvMostTogether];
  const float* partial[kDwConvMostTogether];
  K* dk[kDwConvMostTogether];
};

/// dk[c][tap] = the slices' sums in order, or 0 for a tap that reaches nothing. A thread a tap.
template <typename K>
__global__ void __launch_bounds__(kDwConvThreads)
    add_slices_kernel(const __grid_constant__ SlicesTogether<K> all) {
  const DwConv3dCudaTile& t = all.tiles[blockIdx.y];
  const std::int64_t index = std::int64_t{blockIdx.x} * kDwConvThreads + threadIdx.x;
  if (index >= t.c * t.kernel_taps) return;
  const std::int64_t tap = index % t.kernel_taps;
  const std::int64_t j = tap % t.taps_w - t.w.first_tap;
  const std::int64_t b = tap / t.taps_w % t.taps_h - t.h.first_tap;
  const std::int64_t a = tap / t.taps_w / t.taps_h - t.d.first_tap;
  const bool reaches = j >= 0 && j < t.w.taps && b >= 0 && b < t.h.taps && a >= 0 && a < t.d.taps;
  float sum = 0.0F;
  if (reaches) {
    const std::int64_t taps = std::int64_t{t.d.taps} * t.h.taps * t.w.taps;
    const float* at =
        all.partial[blockIdx.y] + index / t.kernel_taps * taps + (a * t.h.taps + b) * t.w.taps + j;
    for (int slice = 0; slice < all.slices[blockIdx.y]; ++slice) {
      sum = __fadd_rn(sum, at[slice * t.c * taps]);
    }
  }
  all.dk[blockIdx.y][index] = from_float<K>(sum);
}

/// The sums of slices of all jobs, by tensor cores or by CUDA cores.
template <typename T>
void sum_slices(const DwConv3dGradientJobs<T>& jobs, CUstream_st* stream) {
  GradientsTogether<T> all{};
  all.jobs = jobs;
  if constexpr (sizeof(T) == 2) all.jobs = weight_gradients_on_tensor_cores(jobs, stream);
  std::int64_t blocks = 0;
  for (int b = 0; b < all.jobs.count; ++b) {
    all.plans[b] = plan_cuda_weight_gradient(*all.jobs.shapes[b]);
    blocks = std::max(blocks, all.plans[b].blocks);
  }
  if (blocks == 0) return;
  launch_kernel("[dw_conv3d] weight gradient",
                slice_together_kernel<T>,
                dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(all.jobs.count)),
                kDwConvThreads,
                stream,
                all);
}

/// Tile and slices of a job, as sum_slices chooses its way.
template <typename T, typename K>
void plan_addition(SlicesTogether<K>& all, int b, const DwConv3dShape& shape) {
  const auto take = [&](const auto& plan) {
    all.tiles[b] = plan.tile;
    all.slices[b] = plan.slices;
  };
  if constexpr (sizeof(T) == 2) {
    if (const auto plan = plan_cuda_gradient_mma(shape)) return take(*plan);
  }
  take(plan_cuda_weight_gradient(shape));
}

template <typename T, typename K>
void weight_gradients(K* const* dk, const DwConv3dGradientJobs<T>& jobs, CUstream_st* stream) {
  sum_slices(jobs, stream);
  SlicesTogether<K> all{};
  std::int64_t most_taps = 0;
  for (int b = 0; b < jobs.count; ++b) {
    plan_addition<T>(all, b, *jobs.shapes[b]);
    all.partial[b] = jobs.partial[b];
    all.dk[b] = dk[b];
    most_taps = std::max(most_taps, all.tiles[b].c * all.tiles[b].kernel_taps);
  }
  launch_kernel("[dw_conv3d] sum of slices",
                add_slices_kernel<K>,
                dim3(static_cast<unsigned>((most_taps + kDwConvThreads - 1) / kDwConvThreads),
                     static_cast<unsigned>(jobs.count)),
                kDwConvThreads,
                stream,
                all);
}

}  // namespace

template <typename T>
void dw_conv3d_weight_gradient_cuda(T* dk,
                                    float* partial,
                                    const T* x,
                                    const T* dy,
                                    const DwConv3dShape& shape,
                                    CUstream_st* stream) {
  weight_gradients(&dk, DwConv3dGradientJobs<T>{1, {&shape}, x, {dy}, {partial}}, stream);
}

template <typename T>
void dw_conv3d_weight_gradient_together_cuda(float* const* dk,
                                             float* partial,
                                             const T* x,
                                             const T* dy,
                                             const DwConv3dTogether& together,
                                             CUstream_st* stream) {
  DwConv3dGradientJobs<T> jobs{};
  jobs.count = together.count;
  jobs.x = x;
  for (int b = 0; b < together.count; ++b) {
    const DwConv3dShape& s = together.shapes[b];
    jobs.shapes[b] = &s;
    jobs.dy[b] = dy + b * (s.n * s.c * s.d * s.h * s.w);
    jobs.partial[b] = partial;
    partial += dw_conv3d_partial_elements(s);
  }
  weight_gradients(dk, jobs, stream);
}

#define LARKSPUR_INSTANTIATE(T)                                            \
  template void dw_conv3d_weight_gradient_cuda(                            \
      T*, float*, const T*, const T*, const DwConv3dShape&, CUstream_st*); \
  template void dw_conv3d_weight_gradient_together_cuda(                   \
      float* const*, float*, const T*, const T*, const DwConv3dTogether&, CUstream_st*)
LARKSPUR_INSTANTIATE(float);
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
