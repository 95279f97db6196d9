// SPDX-License-Identifier: Apache-2.0
// Which taps and positions meet, along one axis. Internal linkage: see dw_conv3d_vectors.inc.
#pragma once

#include "model3d/ops/dw_conv3d/dw_conv3d_plan.h"

namespace larkspur::model3d {
namespace {

/// [first, last)
struct Span {
  std::int64_t first, last;
};

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a < b ? b : a; }

/// Taps that reach into the map from some position of [low, high].
inline Span taps_from(const DwConv3dAxis& axis, std::int64_t low, std::int64_t high) {
  const std::int64_t before = high;
  const std::int64_t after = axis.size - 1 - low;
  const bool dense = axis.rate == 1;  // a division costs as much as a short row
  const std::int64_t left = smaller(axis.reach, dense ? before : before / axis.rate);
  const std::int64_t right = smaller(axis.reach, dense ? after : after / axis.rate);
  return {axis.reach - left, axis.reach + right + 1};
}

/// Positions from an output to the input it meets at a tap.
inline std::int64_t offset_of(const DwConv3dAxis& axis, std::int64_t tap) {
  return (tap - axis.reach) * axis.rate;
}

/// Positions that an input `offset` further on exists for.
inline Span positions_for(const DwConv3dAxis& axis, std::int64_t offset) {
  return {larger(0, -offset), smaller(axis.size, axis.size - offset)};
}

}  // namespace
}  // namespace larkspur::model3d
