// SPDX-License-Identifier: Apache-2.0
// Features of points, drawn onto pictures seen along the three axes.
//
//   view 0 looks along x:  right is y, up is z      [-1, 1] on both -> S pixels, row 0 on top
//   view 1 looks along y:  right is x, up is z
//   view 2 looks along z:  right is x, up is y
//
// A point reaches the 3 x 3 pixels around it with the weights of a quadratic spline: with f in
// [-1/2, 1/2] the way from the centre of its pixel, (1/2 - f)^2 / 2, 3/4 - f^2, (1/2 + f)^2 / 2
// along each axis, 1 in all. They change smoothly as the point moves, also over a border of pixels.
//
//   picture = sum of weight * feature / max(1, sum of weight)
//
// Where points lie densely a pixel is their mean, so a picture does not depend on how many points a
// cloud has, nor on how steeply a surface is seen; a lone point stays as faint as it is.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// Pictures that a cloud is drawn on.
inline constexpr std::int64_t kSplatViews = 3;

/// features [N, C, P] and points [N, P, 3], same floating type and device, to pictures
/// [N, 3, C, S, S]. What falls outside [-1, 1] is cut off. First derivatives for the features; none
/// for the points. Same input, same bits (see edge_list.h). Throws kInvalidArgument for shapes that
/// do not fit and size < 1.
at::Tensor splat(const at::Tensor& features_NCP, const at::Tensor& points_NP3, std::int64_t size);

}  // namespace larkspur::model3d
