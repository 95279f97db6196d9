// SPDX-License-Identifier: Apache-2.0
// Features of points, spread over the cells of a grid around them.
//
//   [-1, 1] on each axis -> G cells;  map[channel][d][h][w],  d along z, h along y, w along x
//   weight of point p in the cell with centre c = product over axes of max(0, 1 - |p - c|), in
//   cells map = sum of weight * feature / max(1, sum of weight)
//
// As a picture of splat.h: where points lie densely a cell is their mean, a lone point is as faint
// as it is far from the centre.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// features [N, P, C] and points [N, P, 3], same floating type and device, to maps [N, C, G, G, G],
/// channels last in memory. What falls outside [-1, 1] is cut off. First derivatives for the
/// features; none for the points. Same input, same bits (see edge_list.h). Throws kInvalidArgument
/// for shapes that do not fit and grid < 1.
at::Tensor splat_cells(const at::Tensor& features_NPC,
                       const at::Tensor& points_NP3,
                       std::int64_t grid);

}  // namespace larkspur::model3d
