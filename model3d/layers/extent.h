// SPDX-License-Identifier: Apache-2.0
// Taps, rates and sizes along the three axes of a map.
//
// Maps are [N,C,D,H,W] everywhere: D is frames of a clip or z of a voxel grid. A picture is D = 1
// and its kernels have one tap along D, so 2-D needs no code of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "pipeline/require.h"

namespace larkspur::model3d {

/// Taps, rates or sizes along D, H, W.
using Extent3 = std::array<std::int64_t, 3>;

/// The largest of the three.
inline std::int64_t largest(const Extent3& extent) {
  return *std::max_element(extent.begin(), extent.end());
}

/// Taps of the large kernel that a dilated kernel spans: rate * (taps - 1) + 1, per axis.
inline Extent3 reach(const Extent3& taps, const Extent3& rate) {
  Extent3 spanned{};
  for (std::size_t axis = 0; axis < 3; ++axis) spanned[axis] = rate[axis] * (taps[axis] - 1) + 1;
  return spanned;
}

/// Zeros on each side that keep the size at stride 1, for odd taps: rate * (taps / 2), per axis.
inline Extent3 same_padding(const Extent3& taps, const Extent3& rate) {
  Extent3 zeros{};
  for (std::size_t axis = 0; axis < 3; ++axis) zeros[axis] = rate[axis] * (taps[axis] / 2);
  return zeros;
}

/// "5x13x13", for messages.
inline std::string to_text(const Extent3& extent) {
  return pipeline::text_of(extent[0], "x", extent[1], "x", extent[2]);
}

}  // namespace larkspur::model3d
