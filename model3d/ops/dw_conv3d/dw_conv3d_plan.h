// SPDX-License-Identifier: Apache-2.0
// How the CPU twin walks one map: which taps count, how far rows are padded, how sums are grouped.
//
// A pure function of sizes, made once a call. Plain data only: this header is compiled under
// several instruction sets, and an inline function shared between them could be linked from the
// wrong one.
#pragma once

#include <cstdint>

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"

namespace larkspur::model3d {

/// One axis, with the taps that reach no position of the map cut away.
struct DwConv3dAxis {
  std::int64_t size;       ///< positions
  std::int64_t rate;       ///< positions between taps
  std::int64_t reach;      ///< taps that count on either side of the middle
  std::int64_t taps;       ///< 2 * reach + 1
  std::int64_t first_tap;  ///< of the whole kernel: where the ones that count begin
};

DwConv3dAxis trim_axis(std::int64_t size, std::int64_t taps, std::int64_t rate);

/// What the innermost loop along w runs over. The order of a sum is the same in all of them.
///
///   by tap     sum[o] += k[j] * x[o + j]     any taps; x has zeros on either side
///   by input   sum[o] += x[t] * k[t - o]     more taps than positions; k has zeros on either side
///   held       sum[o] += x[t] * k[t - o]     a row of taps stays in registers, nothing padded;
///              sum[t - o] += dy[o] * x[t]    in the weight gradient, a block of dy does
enum class DwConv3dForm : std::uint8_t { kByTap, kByInput, kHeld };

/// Whether maps are packed first, a group of channels at a time. Few taps are cheaper without.
enum class DwConv3dWay : std::uint8_t {
  kPacked,
  kDepth,  ///< taps along d alone: on maps as they lie
  kRows,   ///< 3 x 3 dense taps a plane, channels first, rows of at least a vector: as they lie
};

/// A row of taps: on either side of the middle, and positions between two.
struct DwConv3dRow {
  int reach, rate;
};

/// What kHeld is compiled for, in blocks of at least reach * rate positions; the first stands for
/// any other row. Rates are those of the branches beside kernels of 7 to 17 taps.
constexpr DwConv3dRow kDwConv3dRows[] = {{0, 1},
                                         {1, 1},
                                         {2, 1},
                                         {3, 1},
                                         {4, 1},
                                         {5, 1},
                                         {6, 1},
                                         {1, 2},
                                         {2, 2},
                                         {3, 2},
                                         {1, 3},
                                         {1, 4},
                                         {1, 5},
                                         {4, 2},
                                         {1, 7}};
constexpr int kDwConv3dRowKinds = sizeof(kDwConv3dRows) / sizeof(kDwConv3dRows[0]);

/// What an instruction set keeps in registers.
struct DwConv3dRegisters {
  std::int64_t lanes;  ///< floats a vector
  std::int64_t sums;   ///< running sums at a time
  std::int64_t block;  ///< neighbouring outputs at a time, <= sums
  std::int64_t all;    ///< vectors in all
};

/// Rows are counted in vectors: one position or tap of a group of channels.
struct DwConv3dPlan {
  DwConv3dAxis d, h, w;
  DwConv3dWay way;        ///< kPacked in the weight gradient, whose sums are in order of positions
  DwConv3dForm form;      ///< of packed maps
  std::int64_t row;       ///< kHeld: which of kDwConv3dRows; else 0
  std::int64_t tap_rows;  ///< rows of taps held together in the weight gradient, 1 or 3
  std::int64_t block;     ///< outputs (or taps) a tile, at most
  std::int64_t samples;   ///< maps taken together, 1, 2 or 4: short rows alone leave units idle
  bool by_plane;          ///< one plane of taps after the other, where all would not stay in cache
  std::int64_t x_pitch;   ///< vectors a row of x
  std::int64_t x_pad;     ///< zeros before its first position; as many after its last
  std::int64_t x_map;     ///< vectors from a sample's map to the next one's
  std::int64_t dy_pitch;  ///< of dy in the weight gradient, as x_pitch
  std::int64_t dy_pad;    ///< as x_pad
  std::int64_t k_pitch;   ///< vectors a row of taps
  std::int64_t k_pad;     ///< zeros before its first tap; as many after its last
};

/// The walk of the forward pass and of the input gradient.
DwConv3dPlan plan_correlation(const DwConv3dShape& shape, const DwConv3dRegisters& registers);

/// The walk of the weight gradient: kByTap or kHeld, samples = 1.
DwConv3dPlan plan_weight_gradient(const DwConv3dShape& shape, const DwConv3dRegisters& registers);

/// Makes room for `pad` zeros on either side of a row of x, at least as many as there were, and for
/// a row of zeros behind each map: plans of several kernels then share one packed x.
void widen_rows(DwConv3dPlan& plan, std::int64_t pad);

}  // namespace larkspur::model3d
