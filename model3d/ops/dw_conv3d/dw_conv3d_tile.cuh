// SPDX-License-Identifier: Apache-2.0
// What the kernels of depthwise convolution share: a tile of a map in shared memory, as floats.
//
//   tile [channels][x_rows][pitch]      rows of the map from `first_row`, zeros left and right of
//   it:
//
//   column 0                     left                    left + w.size              pitch
//     | 0 0 0 0 ... ------------- | x x x x x x x x x x x | 0 0 0 0 ... ------------- |
#pragma once

#include "model3d/kernels/device_types.cuh"
#include "model3d/ops/dw_conv3d/dw_conv3d_cuda_plan.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::model3d {

/// Rows [first, first + count) of one plane, of some channels, to rows 0.. of each channel in the
/// tile; zeros where the map has no such row.
struct DwConv3dRows {
  int channels, first, count;
  int left;      ///< column of position 0; below 0 where a tile begins further right
  int pitch;     ///< floats a row in the tile
  int of_a_map;  ///< rows a channel has room for in the tile
};

/// Where a row begins in a map, for channel `c`.
template <typename T>
__device__ T* row_of(
    T* map, const DwConv3dCudaTile& t, std::int64_t n, std::int64_t c, int d, int row) {
  return map + n * t.sample_step + c * t.channel_step + d * t.plane_step + row * t.row_step;
}

__device__ inline void to_tile(float& element, float value) { element = value; }
template <typename T>
__device__ void to_tile(float& element, T value) {
  element = to_float(value);
}
template <typename T>
__device__ void to_tile(std::uint16_t& element, T value) {
  element = value.bits;
}

/// `from`: row 0 of the plane, of the block's first channel. By all threads of a block; the caller
/// puts a barrier in front and behind. Neighbouring lanes take neighbours in memory: positions, or
/// channels where those lie last.
template <typename T, typename Element, int kCount>
__device__ void load_rows(pipeline::SharedArray<Element, kCount>& to,
                          const T* from,
                          const DwConv3dCudaTile& t,
                          const DwConv3dRows& rows) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int together = t.channels_last ? rows.channels : 1;
  const int lines = rows.count * (t.channels_last ? 1 : rows.channels);
#pragma unroll 1  // registers are for the sums
  for (int line = static_cast<int>(threadIdx.x) / 32; line < lines; line += kDwConvThreads / 32) {
    const int row = line % rows.count;
#pragma unroll 1
    for (int i = lane; i < rows.pitch * together; i += 32) {
      const int c = t.channels_last ? i % together : line / rows.count;
      const int column = i / together;
      const int w = column - rows.left;
      const int h = rows.first + row;
      Element value = 0;
      if (w >= 0 && w < t.w.size && h >= 0 && h < t.h.size) {
        to_tile(value, from[c * t.channel_step + h * t.row_step + w * t.w_step]);
      }
      to.put((c * rows.of_a_map + row) * rows.pitch + column, value);
    }
  }
}

/// Four floats of a row at `index`, `step` apart; one read of shared memory where they are
/// neighbours, and then `index` is a multiple of 4.
template <bool kDense, int kCount>
__device__ pipeline::Four read_four(const pipeline::SharedArray<float, kCount>& from,
                                    int index,
                                    int step) {
  if (kDense) return from.four(index);
  return {{from.get(index),
           from.get(index + step),
           from.get(index + 2 * step),
           from.get(index + 3 * step)}};
}

template <typename Integer>
__device__ Integer smaller_of(Integer a, Integer b) {
  return a < b ? a : b;
}
template <typename Integer>
__device__ Integer larger_of(Integer a, Integer b) {
  return a < b ? b : a;
}

/// The place of a block in the grid of a correlation, by CUDA cores or tensor cores.
struct CorrelateBlock {
  int n, d, first_row, first_strip;
  std::int64_t channel;
  int channels;
};

template <typename Plan>
__device__ CorrelateBlock correlate_block_of(const Plan& p, int index) {
  const DwConv3dCudaTile& t = p.tile;
  const int groups = static_cast<int>((t.c + t.channels - 1) / t.channels);
  const int tiles_w = (p.all_strips + p.strips - 1) / p.strips;
  const int tiles_h = (t.h.size + t.rows - 1) / t.rows;
  int rest = index;
  CorrelateBlock block{};
  block.first_strip = rest % tiles_w * p.strips;
  rest /= tiles_w;
  block.first_row = rest % tiles_h * t.rows;
  rest /= tiles_h;
  block.d = rest % t.d.size;
  rest /= t.d.size;
  block.channel = std::int64_t{rest % groups} * t.channels;
  block.n = rest / groups;
  block.channels = static_cast<int>(smaller_of(t.c - block.channel, std::int64_t{t.channels}));
  return block;
}

}  // namespace larkspur::model3d
