// SPDX-License-Identifier: Apache-2.0
// How the CUDA twin shares a convolution among blocks and threads: pure functions of sizes.
//
//   correlation       a block: some channels x a tile of rows x strips of 8 outputs along w; a
//   thread: one strip weight gradient   a block: some channels x one plane of taps x a slice of the
//   batch; a thread: 8 taps of a row, and
//                     of the rows of y every groups-th
//
// Nothing here knows the GPU, so neither does the order of any sum.
#pragma once

#include <cstdint>
#include <optional>

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"

namespace larkspur::model3d {

// Together they leave room for four blocks a multiprocessor with 164 kB of shared memory (sm_80),
// six with 228 (sm_90).
constexpr int kDwConvThreads = 256;
constexpr int kDwConvTileFloats = 6400;   ///< of x
constexpr int kDwConvOtherFloats = 3072;  ///< of taps, or of dy
constexpr int kDwConvTileHalves = 2 * kDwConvTileFloats;
constexpr int kDwConvBandHalves = 2 * kDwConvOtherFloats;
constexpr int kDwConvGradientHalves =
    kDwConvTileFloats + kDwConvOtherFloats;  ///< of x; of dy twice
constexpr int kDwConvStrip = 8;              ///< outputs or taps of a thread, along w
constexpr int kDwConvStep = 4;  ///< taps or outputs it takes at a time: a vector of shared memory

/// An axis as DwConv3dAxis, in the integers of a GPU.
struct DwConv3dCudaAxis {
  int size, rate, reach, taps, first_tap;
};

/// What both kernels know of a call.
struct DwConv3dCudaTile {
  DwConv3dCudaAxis d, h, w;
  std::int64_t n, c;
  int taps_h, taps_w;        ///< of the whole kernel
  std::int64_t kernel_taps;  ///< of the whole kernel, all axes
  // Elements of a map from one to the next; within a block's channels of a sample all fit an int.
  std::int64_t sample_step, plane_step;
  int channel_step, row_step, w_step;
  bool channels_last;
  int channels;  ///< of a block
  int rows;      ///< of y in a tile
  int x_rows;    ///< of x that a tile can need
  int x_pitch;   ///< floats a row of x
};

struct DwConv3dCorrelatePlan {
  DwConv3dCudaTile tile;
  int strips;      ///< of a tile
  int all_strips;  ///< of a row: `rate` runs of outputs, each in whole strips
  int tap_rows;    ///< of a plane of taps, at a time
  int tap_pitch;   ///< floats a row of taps: zeros fill the last step
  std::int64_t blocks;
};

/// A correlation in 16 bits on tensor cores: rows of taps as banded matrices.
struct DwConv3dMmaPlan {
  DwConv3dCudaTile tile;  ///< rows and pitches in elements of 16 bits
  int strips;             ///< of 16 outputs along w, in a tile
  int all_strips;         ///< of a row
  int row_groups;         ///< of 16 rows, in a tile
  int tap_rows;           ///< of a plane of taps, at a time
  int steps;              ///< of 16 inputs, that a strip reaches
  int band;               ///< elements of a row of taps, twice, so that every pair is aligned
  int first_column;       ///< of a strip's inputs, from its first output
  std::int64_t blocks;    ///< 0 for an empty batch
};

struct DwConv3dGradientPlan {
  DwConv3dCudaTile tile;
  int tap_rows;    ///< of a block
  int tap_strips;  ///< of a row of taps
  int groups;      ///< of rows of y
  int y_pitch;     ///< floats a row of dy: zeros fill the last step
  int row_tiles;   ///< of a plane of y
  int slices;      ///< of the batch; 0 for an empty one
  std::int64_t blocks;
};

/// A weight gradient in 16 bits on tensor cores: a plane of taps is one product's 16 x 16 results.
struct DwConv3dGradientMmaPlan {
  DwConv3dCudaTile tile;  ///< rows and pitches in elements of 16 bits
  int columns;            ///< positions of a row that are walked: whole products
  int y_pitch;            ///< elements a row of dy, with zeros on both sides
  int groups;             ///< warps that share a channel's rows
  int high_step;          ///< rows of x from one row of taps to the eighth behind; 0: none is there
  int row_tiles;          ///< of a plane of dy
  int slices;             ///< of the batch; 0 for an empty one
  std::int64_t blocks;
};

/// Throws kUnsupported for rows that do not fit in shared memory (some thousand positions and
/// taps).
DwConv3dCorrelatePlan plan_cuda_correlation(const DwConv3dShape& shape);
/// Nothing where tensor cores would be of no use: dilated rows, rows of few taps, rows too long.
std::optional<DwConv3dMmaPlan> plan_cuda_mma(const DwConv3dShape& shape);
DwConv3dGradientPlan plan_cuda_weight_gradient(const DwConv3dShape& shape);
/// Nothing where tensor cores would be of no use: dilated rows, planes of few taps or of more than
/// 16 along an axis, rows too long.
std::optional<DwConv3dGradientMmaPlan> plan_cuda_gradient_mma(const DwConv3dShape& shape);

}  // namespace larkspur::model3d
