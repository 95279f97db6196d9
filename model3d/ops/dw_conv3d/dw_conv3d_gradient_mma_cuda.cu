// SPDX-License-Identifier: Apache-2.0
// Weight gradient in 16 bits on tensor cores: a plane of taps is one product for each row of dy.
//
//   taps j of a row
//            16 positions u                        | dy[u-0+r] dy[u-1+r] dy[u-2+r] ... |
//        | x[h+0-R][u] ...          |              |  the row of dy, one further right  |
//   rows | x[h+1-R][u] ...          |  x           |  in every column                   |
//   of   | x[h+2-R][u] ...          |     16 u     |                                    |
//   taps |       ...                |              |                                    |
//   b
//        = dk[b][j], 16 x 16 sums in registers over all rows h and positions u of a slice
//
// A warp has a channel, and of its rows every groups-th; groups meet at the end, slices behind it.
#include <algorithm>

#include "model3d/kernels/warp_mma.cuh"
#include "model3d/ops/dw_conv3d/dw_conv3d_mma.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_tile.cuh"

namespace larkspur::model3d {
namespace {

using pipeline::launch_kernel;
using pipeline::SharedArray;

constexpr int kSide = 16;  // of a plane of taps, at most; and of a product's inner length
constexpr int kCopy = kDwConvGradientHalves / 2;

using XRows = SharedArray<std::uint16_t, kDwConvGradientHalves>;
using YRows = SharedArray<std::uint16_t, kDwConvGradientHalves>;

/// What a block sums: plane a of some channels' taps, over one slice.
struct Share {
  int a, slice, channel, channels;
};

__device__ Share share_of(const DwConv3dGradientMmaPlan& p, int block) {
  const DwConv3dCudaTile& t = p.tile;
  const int groups = static_cast<int>((t.c + t.channels - 1) / t.channels);
  Share share{};
  share.a = block % t.d.taps;
  block /= t.d.taps;
  share.channel = block % groups * t.channels;
  share.slice = block / groups;
  share.channels = static_cast<int>(smaller_of<std::int64_t>(t.c - share.channel, t.channels));
  return share;
}

/// Rows of dy, twice: column q holds position q - 16 + reach, in the second copy that of q + 1.
template <typename T>
__device__ void load_gradient(YRows& to,
                              const T* from,
                              const DwConv3dGradientMmaPlan& p,
                              const DwConv3dRows& rows) {
  const DwConv3dCudaTile& t = p.tile;
  const int channels = t.channels_last ? rows.channels : 1;
  const int count = rows.channels * rows.count * rows.pitch;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kDwConvThreads) {
    // Neighbouring lanes take neighbours in memory.
    const int together = i % (channels * rows.pitch);
    const int rest = i / (channels * rows.pitch);
    const int column = together / channels;
    const int row = rest % rows.count;
    const int c = t.channels_last ? together % channels : rest / rows.count;
    const int w = column - rows.left;
    const int h = rows.first + row;
    std::uint16_t value = 0;
    if (w >= 0 && w < t.w.size && h < t.h.size) {
      value = from[c * t.channel_step + h * t.row_step + w * t.w_step].bits;
    }
    const int at = (c * rows.of_a_map + row) * rows.pitch + column;
    to.put(at, value);
    if (column > 0) to.put(kCopy + at - 1, value);
    if (column == rows.pitch - 1) to.put(kCopy + at, 0);
  }
}

/// d += one row of dy, against the rows of x under every row of taps. `x_at`, `y_at`: this lane's;
/// `high_step`: from one row of taps to the eighth behind it.
template <typename T>
__device__ void add_row(
    MmaD (&d)[2], const XRows& x, int x_at, int high_step, const YRows& y, int y_at, int columns) {
  // Columns of taps j and j + 8 meet dy at y_at and 8 before; the next positions are 16 further on.
  std::uint32_t behind = y.pair(y_at - 8);
  std::uint32_t here = y.pair(y_at);
#pragma unroll 1
  for (int u = 0; u < columns; u += kSide) {
    const std::uint32_t ahead = y.pair(y_at + u + 8);
    const int low = x_at + u;
    const int high = low + high_step;
    const MmaA a{{x.pair(low), x.pair(high), x.pair(low + 8), x.pair(high + 8)}};
    warp_mma<T>(d[0], a, MmaB{{here, ahead}});
    warp_mma<T>(d[1], a, MmaB{{behind, here}});
    behind = ahead;
    if (u + kSide < columns) here = y.pair(y_at + u + kSide);
  }
}

/// A float in two places of 16 bits.
__device__ void put_float(XRows& to, int index, float value) {
  const unsigned bits = __float_as_uint(value);
  to.put(2 * index, static_cast<std::uint16_t>(bits));
  to.put(2 * index + 1, static_cast<std::uint16_t>(bits >> 16));
}

/// The groups' sums one after the other, by the warps of the first group.
__device__ void add_groups(
    MmaD (&d)[2], XRows& room, const DwConv3dGradientMmaPlan& p, int group, bool is_there) {
  constexpr int kSums = 8;
  const int me = static_cast<int>(threadIdx.x);
  __syncthreads();
  if (is_there && group > 0) {
    for (int i = 0; i < kSums; ++i) put_float(room, me + i * kDwConvThreads, d[i / 4].v[i % 4]);
  }
  __syncthreads();
  if (!is_there || group > 0) return;
  for (int other = 1; other < p.groups; ++other) {
    for (int i = 0; i < kSums; ++i) {
      const int at = me + other * p.tile.channels * 32 + i * kDwConvThreads;
      d[i / 4].v[i % 4] = __fadd_rn(d[i / 4].v[i % 4], __uint_as_float(room.pair(2 * at)));
    }
  }
}

/// The sums of a channel's plane of taps, by its warp.
__device__ void write_taps(float* partial, const MmaD (&d)[2], const DwConv3dCudaTile& t) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = 0; i < 8; ++i) {
    const int b = lane / 4 + i % 4 / 2 * 8;
    const int j = lane % 4 * 2 + i % 2 + i / 4 * 8;
    if (b < t.h.taps && j < t.w.taps) partial[b * t.w.taps + j] = d[i / 4].v[i % 4];
  }
}

/// The work of block `index` of a weight gradient.
template <typename T>
__device__ void sum_slice(float* partial,
                          const T* x,
                          const T* dy,
                          const DwConv3dGradientMmaPlan& p,
                          int index,
                          XRows& x_rows,
                          YRows& y_rows) {
  static_assert(kDwConvGradientHalves >= kDwConvThreads * 16, "groups meet in the tile");
  const DwConv3dCudaTile& t = p.tile;
  const Share share = share_of(p, index);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int c = static_cast<int>(threadIdx.x) / 32 % t.channels;
  const int group = static_cast<int>(threadIdx.x) / 32 / t.channels;
  const bool is_there = c < share.channels && group < p.groups;
  // Pairs from an odd place come from the second copy, one place before.
  const int odd = lane / 4 % 2;
  const int x_lane = lane / 4 * t.h.rate * t.x_pitch + lane % 4 * 2;
  const int y_lane = odd * kCopy + kSide + lane % 4 * 2 - lane / 4 - odd;
  MmaD d[2] = {};
  const std::int64_t jobs = t.n * t.d.size * p.row_tiles;
  const int last_job = static_cast<int>(jobs * (share.slice + 1) / p.slices);
#pragma unroll 1
  for (int job = static_cast<int>(jobs * share.slice / p.slices); job < last_job; ++job) {
    const int first_row = job % p.row_tiles * t.rows;
    const int plane = job / p.row_tiles % t.d.size;
    const int n = job / p.row_tiles / t.d.size;
    const int from_d = plane + (share.a - t.d.reach) * t.d.rate;
    if (from_d < 0 || from_d >= t.d.size) continue;  // the same for the whole block
    const int rows = smaller_of(t.rows, t.h.size - first_row);
    __syncthreads();
    load_gradient(y_rows,
                  row_of(dy, t, n, share.channel, plane, 0),
                  p,
                  {share.channels, first_row, rows, kSide - t.w.reach, p.y_pitch, t.rows});
    load_rows(x_rows,
              row_of(x, t, n, share.channel, from_d, 0),
              t,
              {share.channels, first_row - t.h.reach * t.h.rate, t.x_rows, 0, t.x_pitch, t.x_rows});
    __syncthreads();
#pragma unroll 1
    for (int row = group; is_there && row < rows; row += p.groups) {
      add_row<T>(d,
                 x_rows,
                 (c * t.x_rows + row) * t.x_pitch + x_lane,
                 p.high_step * t.x_pitch,
                 y_rows,
                 (c * t.rows + row) * p.y_pitch + y_lane,
                 p.columns);
    }
  }
  add_groups(d, x_rows, p, group, is_there);
  if (!is_there || group > 0) return;
  const std::int64_t plane_taps = std::int64_t{t.h.taps} * t.w.taps;
  const std::int64_t channel = share.slice * t.c + share.channel + c;
  write_taps(partial + (channel * t.d.taps + share.a) * plane_taps, d, t);
}

/// Several weight gradients, a row of the grid each; blocks beyond a gradient's own do nothing.
template <typename T>
struct MmaGradients {
  DwConv3dGradientMmaPlan plans[kDwConvMostTogether];
  DwConv3dGradientJobs<T> jobs;
};

template <typename T>
__global__ void __launch_bounds__(kDwConvThreads, 4)
    weight_gradient_mma_kernel(const __grid_constant__ MmaGradients<T> all) {
  __shared__ SharedArray<std::uint16_t, kDwConvGradientHalves> x_rows;
  __shared__ SharedArray<std::uint16_t, kDwConvGradientHalves> y_rows;
  const unsigned b = blockIdx.y;
  const int index = static_cast<int>(blockIdx.x);
  if (index >= all.plans[b].blocks) return;
  const DwConv3dGradientJobs<T>& jobs = all.jobs;
  sum_slice(jobs.partial[b], jobs.x, jobs.dy[b], all.plans[b], index, x_rows, y_rows);
}

}  // namespace

template <typename T>
DwConv3dGradientJobs<T> weight_gradients_on_tensor_cores(const DwConv3dGradientJobs<T>& jobs,
                                                         CUstream_st* stream) {
  MmaGradients<T> all{};
  DwConv3dGradientJobs<T> others{};
  all.jobs.x = jobs.x;
  others.x = jobs.x;
  const std::int64_t blocks = divide_by_plan(jobs, plan_cuda_gradient_mma, all, others);
  if (blocks > 0) {
    launch_kernel("[dw_conv3d] weight gradient on tensor cores",
                  weight_gradient_mma_kernel<T>,
                  dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(all.jobs.count)),
                  kDwConvThreads,
                  stream,
                  all);
  }
  return others;
}

#define LARKSPUR_INSTANTIATE(T)                                      \
  template DwConv3dGradientJobs<T> weight_gradients_on_tensor_cores( \
      const DwConv3dGradientJobs<T>&, CUstream_st*)
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
