// SPDX-License-Identifier: Apache-2.0
// Maps and kernels packed for an instruction set's loops: groups of `lanes` channels, a vector a
// position or tap.
#pragma once

#include <algorithm>
#include <vector>

#include "model3d/kernels/parallel_for.h"
#include "model3d/kernels/scratch.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_lanes.h"

namespace larkspur::model3d {

inline std::int64_t positions_of(const DwConv3dShape& s) { return s.d * s.h * s.w; }

/// One convolution: its shape, instruction set and plan, and where groups of channels lie.
struct PackedConv {
  DwConv3dShape shape;
  const DwConv3dLanes& set;
  DwConv3dPlan plan;
  std::int64_t groups;
  std::vector<std::int64_t> x_at;  // vector of the packed x for each position

  PackedConv(const DwConv3dShape& shape_in,
             const DwConv3dLanes& set_in,
             const DwConv3dPlan& plan_in)
      : shape(shape_in),
        set(set_in),
        plan(plan_in),
        groups((shape.c + set.lanes - 1) / set.lanes),
        x_at(static_cast<std::size_t>(positions_of(shape))) {
    for (std::size_t p = 0; p < x_at.size(); ++p) {
      const auto row = static_cast<std::int64_t>(p) / shape.w;
      x_at[p] = row * plan.x_pitch + plan.x_pad + static_cast<std::int64_t>(p) % shape.w;
    }
  }

  std::int64_t x_floats() const { return plan.x_map * set.lanes; }
  std::int64_t y_floats() const { return positions_of(shape) * set.lanes; }
  std::int64_t k_floats() const { return plan.d.taps * plan.h.taps * plan.k_pitch * set.lanes; }
  std::int64_t channels(std::int64_t group) const {
    return std::min(set.lanes, shape.c - group * set.lanes);
  }

  DwConv3dView view(std::int64_t group) const {
    const std::int64_t positions = positions_of(shape);
    if (shape.layout == DwConv3dLayout::kChannelsFirst) {
      return {channels(group), positions, positions, 1};
    }
    return {channels(group), 1, positions, shape.c};
  }

  std::int64_t map_begin(std::int64_t sample, std::int64_t group) const {
    const std::int64_t positions = positions_of(shape);
    const bool first = shape.layout == DwConv3dLayout::kChannelsFirst;
    return sample * shape.c * positions + group * set.lanes * (first ? positions : 1);
  }

  /// visit(tap of the whole kernel, its vector among the packed ones) for all taps that count.
  template <typename Visit>
  void for_taps(const Visit& visit) const {
    for (std::int64_t a = 0; a < plan.d.taps; ++a) {
      for (std::int64_t b = 0; b < plan.h.taps; ++b) {
        const std::int64_t row =
            ((plan.d.first_tap + a) * shape.kh + plan.h.first_tap + b) * shape.kw;
        const std::int64_t packed = (a * plan.h.taps + b) * plan.k_pitch + plan.k_pad;
        for (std::int64_t j = 0; j < plan.w.taps; ++j) {
          visit(row + plan.w.first_tap + j, packed + j);
        }
      }
    }
  }

  std::int64_t taps() const { return shape.kd * shape.kh * shape.kw; }

  /// The group's packed gradient of the kernel to where its channels lie; exact zeros for taps that
  /// reach nothing.
  void unpack_kernel(float* kernels, const float* packed, std::int64_t group) const {
    for (std::int64_t c = 0; c < channels(group); ++c) {
      float* to = kernels + (group * set.lanes + c) * taps();
      std::fill_n(to, taps(), 0.0F);
      for_taps(
          [&](std::int64_t tap, std::int64_t vector) { to[tap] = packed[vector * set.lanes + c]; });
    }
  }
};

/// The kernels of all groups, each `call.k_floats()` floats; zeros where a row is padded.
inline Scratch pack_kernels(const PackedConv& call, const float* k, bool reversed) {
  const std::int64_t taps = call.taps();
  Scratch packed = make_zeros(call.groups * call.k_floats());
  parallel_for(call.groups, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      const float* from = k + group * call.set.lanes * taps;
      float* to = packed.get() + group * call.k_floats();
      const std::int64_t channels = call.channels(group);
      call.for_taps([&](std::int64_t tap, std::int64_t vector) {
        const std::int64_t source = reversed ? taps - 1 - tap : tap;
        float* lanes = to + vector * call.set.lanes;
        for (std::int64_t c = 0; c < channels; ++c) lanes[c] = from[c * taps + source];
      });
    }
  });
  return packed;
}

}  // namespace larkspur::model3d
