// SPDX-License-Identifier: Apache-2.0
// The loops of the CPU twin as each instruction set compiles them: one table of functions a set.
//
// Work happens on packed maps: one group of `lanes` channels of one sample, a vector a position,
// rows padded as the plan says. Lanes never meet, so every channel's sum is taken alone.
#pragma once

#include <cstdint>

#include "model3d/kernels/instruction_set.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_plan.h"

namespace larkspur::model3d {

/// Where the channels of a group and the positions of a map lie, in floats.
struct DwConv3dView {
  std::int64_t channels;         ///< of the group, 1 .. lanes
  std::int64_t channel_stride;   ///< 1 when channels lie last
  std::int64_t positions;        ///< d * h * w
  std::int64_t position_stride;  ///< 1 when channels lie first
};

/// Outputs of one plane of taps along d alone: `rows` of `columns` neighbours in memory.
struct DwConv3dDepth {
  std::int64_t taps;    ///< that meet the plane
  std::int64_t x_step;  ///< floats from what a tap meets to what the next one does
  std::int64_t k_step;  ///< floats from tap to tap
  std::int64_t rows, columns;
};

/// One instruction set. `at` [positions] gives the vector of the packed map for each position.
struct DwConv3dLanes {
  const char* name;             ///< "avx512", "avx2", "portable"
  std::int64_t lanes;           ///< floats a vector
  DwConv3dRegisters registers;  ///< what the plan is to be made for

  /// packed[at[p]] = the group's channels at position p; lanes beyond view.channels become zero.
  void (*pack)(float* packed, const float* map, const std::int64_t* at, const DwConv3dView& view);

  /// The way back: map at position p = packed[p], for view.channels channels.
  void (*unpack)(float* map, const float* packed, const DwConv3dView& view);

  /// y [samples][d*h*w] = x [samples][plan.x_map] with k [d taps][h taps][k_pitch], or that added
  /// to y where `adds`. `samples` is 1 or plan.samples.
  void (*correlate)(float* y,
                    const float* x,
                    const float* k,
                    const DwConv3dPlan& plan,
                    std::int64_t samples,
                    bool adds);

  /// Without packing, y [rows][columns] = sum over taps j of x [rows][columns] j * x_step further
  /// on times k[j * k_step] (`first`, of one channel), or k[j * k_step + column] (`last`).
  void (*correlate_depth_first)(float* y, const float* x, const float* k, const DwConv3dDepth&);
  void (*correlate_depth_last)(float* y, const float* x, const float* k, const DwConv3dDepth&);

  /// Without packing, maps y and x [d*h*w] of one channel, w >= lanes, with k [d taps][3][3].
  /// `room` has d*h*(lanes + 2) floats.
  void (*correlate_rows)(
      float* y, const float* x, const float* k, const DwConv3dPlan& plan, float* room);

  /// dk [d taps][h taps][k_pitch] += sums over one sample of dy [d*h*dy_pitch] times x
  /// [d*h*x_pitch], after which x has w.size more vectors of zeros.
  void (*weight_gradient)(float* dk, const float* x, const float* dy, const DwConv3dPlan& plan);
};

extern const DwConv3dLanes kDwConv3dPortable;
extern const DwConv3dLanes kDwConv3dAvx2;
extern const DwConv3dLanes kDwConv3dAvx512;

inline const DwConv3dLanes& dw_conv3d_lanes(InstructionSet set) {
  return loops_for(set, kDwConv3dPortable, kDwConv3dAvx2, kDwConv3dAvx512);
}

}  // namespace larkspur::model3d
