// SPDX-License-Identifier: Apache-2.0
// Forward pass and input gradient in 16 bits on tensor cores: every row of taps a banded matrix.
//
//            16 x steps inputs                  8 rows h
//        | k0 k1 k2 .. kC  0  0  0 ... |      | x x x x x x x x |
//   16   |  0 k0 k1 k2 .. kC  0  0 ... |      | x x x x x x x x |   inputs along w of rows h + (tap
//   row)
//  out-  |  0  0 k0 k1 k2 .. kC  0 ... |  x   | x x x x x x x x |
//  puts  |        ...                  |      |       ...       |   = outputs [16 along w][8 rows],
//  in float
//
// A warp has 16 rows of 16 outputs, two such products, and walks all rows of taps of all planes. On
// maps up to 16 wide the matrix is the whole row's, without a halo.
#include <algorithm>

#include "model3d/kernels/warp_mma.cuh"
#include "model3d/ops/dw_conv3d/dw_conv3d_mma.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_tile.cuh"

namespace larkspur::model3d {
namespace {

using pipeline::launch_kernel;
using pipeline::SharedArray;

constexpr int kMma = 16;
constexpr int kRows = 8;  // of a product

using Tile = SharedArray<std::uint16_t, kDwConvTileHalves>;
using Bands = SharedArray<std::uint16_t, kDwConvBandHalves>;

template <typename T>
__device__ std::uint16_t tap_bits(T tap) {
  return tap.bits;
}
template <typename T>
__device__ std::uint16_t tap_bits(float tap) {
  return from_float<T>(tap).bits;
}

/// `rows` rows of taps as bands, each twice: band[i] = tap[i - 16 - first_column - reach], or that
/// of i + 1. `k`: the block's first channel; `tap`: the first one of the first row.
template <typename T, typename Tap>
__device__ void load_bands(Bands& to,
                           const Tap* k,
                           const DwConv3dMmaPlan& p,
                           int channels,
                           int tap,
                           int rows,
                           bool reversed) {
  const DwConv3dCudaTile& t = p.tile;
  const int kernel_taps = static_cast<int>(t.kernel_taps);
  const int shift = p.first_column + t.w.reach - kMma;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < channels * rows * p.band; i += kDwConvThreads) {
    const int place = i % p.band;
    const int b = i / p.band % rows;
    const int c = i / p.band / rows;
    const int j = place % (p.band / 2) + place / (p.band / 2) + shift;
    std::uint16_t value = 0;
    if (j >= 0 && j < t.w.taps) {
      const int at = tap + b * t.taps_w + j;
      value = tap_bits<T>(k[c * kernel_taps + (reversed ? kernel_taps - 1 - at : at)]);
    }
    to.put((c * p.tap_rows + b) * p.band + place, value);
  }
}

/// A warp's place: 16 rows from first_row, 16 outputs from first_w, of one channel of the block.
struct Item {
  int c, row, w;  ///< row and w within the tile
  bool is_there;
};

__device__ Item item_of(const DwConv3dMmaPlan& p, int channels) {
  int rest = static_cast<int>(threadIdx.x) / 32;
  Item item{};
  item.w = rest % p.strips * kMma;
  rest /= p.strips;
  item.row = rest % p.row_groups * kMma;
  item.c = rest / p.row_groups;
  item.is_there = item.c < channels;
  return item;
}

/// d[half] += band of one row of taps x inputs of 8 rows, for both halves of the 16 rows.
template <typename T>
__device__ void add_products(
    MmaD (&d)[2], const Tile& x, int x_at, int pitch, const Bands& band, int band_at, int steps) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int group = lane / 4;
  const int in = lane % 4;
  // Pairs from an odd place come from the second band, one place before.
  const int odd = group % 2;
  const int pairs = band_at + odd * (kMma * (steps + 1)) + kMma + in * 2 - group - odd;
  std::uint32_t before = band.pair(pairs - 8);
  std::uint32_t here = band.pair(pairs);
#pragma unroll 2
  for (int step = 0; step < steps; ++step) {
    const std::uint32_t behind = band.pair(pairs + step * kMma + 8);
    const MmaA a{{here, before, behind, here}};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int at = x_at + (half * kRows + group) * pitch + step * kMma + in * 2;
      warp_mma<T>(d[half], a, MmaB{{x.pair(at), x.pair(at + 8)}});
    }
    before = behind;
    if (step + 1 < steps) here = band.pair(pairs + (step + 1) * kMma);
  }
}

/// A warp's 16 rows of 16 outputs, from position first_w on.
template <typename T>
__device__ void write_outputs(T* y,
                              const MmaD (&d)[2],
                              const DwConv3dCudaTile& t,
                              const CorrelateBlock& block,
                              const Item& mine,
                              int first_w) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = 0; i < 8; ++i) {
    const int h = block.first_row + mine.row + i / 4 * kRows + lane % 4 * 2 + i % 2;
    const int w = first_w + lane / 4 + i % 4 / 2 * 8;
    if (h < t.h.size && w < t.w.size) {
      row_of(y, t, block.n, block.channel + mine.c, block.d, h)[w * t.w_step] =
          from_float<T>(d[i / 4].v[i % 4]);
    }
  }
}

/// The work of block `index` of a correlation.
template <typename T, typename Tap>
__device__ void correlate_block(T* y,
                                const T* x,
                                const Tap* k,
                                const DwConv3dMmaPlan& p,
                                int index,
                                bool reversed,
                                Tile& tile,
                                Bands& bands) {
  const DwConv3dCudaTile& t = p.tile;
  const CorrelateBlock block = correlate_block_of(p, index);
  const int first_w = block.first_strip * kMma;
  const Item mine = item_of(p, block.channels);
  const DwConv3dRows rows{block.channels,
                          block.first_row - t.h.reach * t.h.rate,
                          t.x_rows,
                          -first_w - p.first_column,
                          t.x_pitch,
                          t.x_rows};
  MmaD d[2] = {};
  for (int a = 0; a < t.d.taps; ++a) {
    const int from_d = block.d + (a - t.d.reach) * t.d.rate;
    if (from_d < 0 || from_d >= t.d.size) continue;  // the same for the whole block
    __syncthreads();
    load_rows(tile, row_of(x, t, block.n, block.channel, from_d, 0), t, rows);
    for (int first = 0; first < t.h.taps; first += p.tap_rows) {
      const int tap_rows = smaller_of(p.tap_rows, t.h.taps - first);
      const int tap = ((t.d.first_tap + a) * t.taps_h + t.h.first_tap + first) * t.taps_w;
      if (first > 0) __syncthreads();
      load_bands<T>(bands,
                    k + block.channel * t.kernel_taps,
                    p,
                    block.channels,
                    tap + t.w.first_tap,
                    tap_rows,
                    reversed);
      __syncthreads();
#pragma unroll 1
      for (int b = 0; mine.is_there && b < tap_rows; ++b) {
        const int h = block.first_row + mine.row + (first + b - t.h.reach) * t.h.rate;
        if (h <= -kMma || h >= t.h.size) continue;  // the same for the whole warp
        add_products<T>(
            d,
            tile,
            (mine.c * t.x_rows + mine.row + (first + b) * t.h.rate) * t.x_pitch + mine.w,
            t.x_pitch,
            bands,
            (mine.c * p.tap_rows + b) * p.band,
            p.steps);
      }
    }
  }
  if (mine.is_there) write_outputs(y, d, t, block, mine, first_w + mine.w);
}

template <typename T>
__global__ void __launch_bounds__(kDwConvThreads, 4)
    correlate_mma_kernel(T* y, const T* x, const T* k, DwConv3dMmaPlan p, bool reversed) {
  __shared__ SharedArray<std::uint16_t, kDwConvTileHalves> tile;
  __shared__ SharedArray<std::uint16_t, kDwConvBandHalves> bands;
  correlate_block(y, x, k, p, static_cast<int>(blockIdx.x), reversed, tile, bands);
}

/// Several correlations, a row of the grid each; blocks beyond a correlation's own do nothing.
template <typename T>
struct MmaTogether {
  DwConv3dMmaPlan plans[kDwConvMostTogether];
  DwConv3dJobs<T> jobs;
  bool reversed;
};

template <typename T>
__global__ void __launch_bounds__(kDwConvThreads, 4)
    correlate_together_mma_kernel(const __grid_constant__ MmaTogether<T> all) {
  __shared__ SharedArray<std::uint16_t, kDwConvTileHalves> tile;
  __shared__ SharedArray<std::uint16_t, kDwConvBandHalves> bands;
  const unsigned b = blockIdx.y;
  const int index = static_cast<int>(blockIdx.x);
  if (index >= all.plans[b].blocks) return;
  correlate_block(
      all.jobs.y[b], all.jobs.x[b], all.jobs.k[b], all.plans[b], index, all.reversed, tile, bands);
}

}  // namespace

template <typename T>
bool correlate_on_tensor_cores(const char* name,
                               T* y,
                               const T* x,
                               const T* k,
                               const DwConv3dShape& shape,
                               bool reversed,
                               CUstream_st* stream) {
  const std::optional<DwConv3dMmaPlan> plan = plan_cuda_mma(shape);
  if (!plan) return false;
  if (plan->blocks == 0) return true;
  launch_kernel(name,
                correlate_mma_kernel<T>,
                dim3(static_cast<unsigned>(plan->blocks)),
                kDwConvThreads,
                stream,
                y,
                x,
                k,
                *plan,
                reversed);
  return true;
}

template <typename T>
DwConv3dJobs<T> correlate_together_on_tensor_cores(const char* name,
                                                   const DwConv3dJobs<T>& jobs,
                                                   bool reversed,
                                                   CUstream_st* stream) {
  MmaTogether<T> all{};
  DwConv3dJobs<T> others{};
  all.reversed = reversed;
  const std::int64_t blocks = divide_by_plan(jobs, plan_cuda_mma, all, others);
  if (blocks > 0) {
    launch_kernel(name,
                  correlate_together_mma_kernel<T>,
                  dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(all.jobs.count)),
                  kDwConvThreads,
                  stream,
                  all);
  }
  return others;
}

#define LARKSPUR_INSTANTIATE(T)                                                       \
  template bool correlate_on_tensor_cores(                                            \
      const char*, T*, const T*, const T*, const DwConv3dShape&, bool, CUstream_st*); \
  template DwConv3dJobs<T> correlate_together_on_tensor_cores(                        \
      const char*, const DwConv3dJobs<T>&, bool, CUstream_st*)
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
