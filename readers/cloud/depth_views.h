// SPDX-License-Identifier: Apache-2.0
// A cloud as depth pictures from around it: the input of two-dimensional networks.
//
//   view v looks at the origin from   d = (cos e cos a, cos e sin a, sin e),  a = 2 pi v / V,
//   to the right is                   r = (-sin a, cos a, 0),
//   up is                             u = (-sin e cos a, -sin e sin a, cos e);
//   orthographic: [-1, 1] on r and u -> S pixels; picture[v][channel][row][column], row 0 on top.
//
// Pixel (row, column) has its centre at (-1 + (2 column + 1) / S, 1 - (2 row + 1) / S). A point is
// a disc of radius `splat` that faces the viewer, so that few points still give a closed surface; a
// pixel takes the nearest point whose disc covers its centre. Depth pictures alone classify clouds
// as well as most networks on points: Goyal, Law, Liu, Newell, Deng, "Revisiting Point Cloud Shape
// Classification with a Simple and Effective Baseline" (SimpleView), ICML 2021. Theirs are in
// perspective and blend points; these keep the nearest.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::readers {

/// What a pixel shows of a point at -1 along d, the farthest place in the unit sphere; one at 1 is
/// 1, linear between, held at these two beyond. 0 is where there is nothing.
inline constexpr float kFarthestDepth = 0.2F;

struct DepthViewOptions {
  std::int64_t views = 6;     ///< V, pictures around the z axis, [1, 64]
  double elevation = 30.0;    ///< e, degrees above the plane z = 0, [-90, 90]
  std::int64_t size = 128;    ///< S, pixels of a side, [1, 1024]
  double splat = 0.1;         ///< radius of a point, [0, 1]; 0.1 closes a sphere of 1,024 points
  std::int64_t channels = 1;  ///< 1 or 3; 3 repeats the picture for networks trained on colour

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// points_N3: float32 [N, 3], N >= 0, finite, CPU, any strides. Returns float32 [V, C, S, S], CPU,
/// contiguous. A disc smaller than a pixel still fills the pixel that its point is in. Throws
/// kInvalidArgument for another shape or type, and as the options' check.
at::Tensor depth_views(const at::Tensor& points_N3, const DepthViewOptions& options);

}  // namespace larkspur::readers
