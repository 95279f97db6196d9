// SPDX-License-Identifier: Apache-2.0
// The nearest neighbours of every point of a cloud.
//
// On a CPU by buckets (pipeline/geometry/near_points.h), a cloud a thread. Elsewhere all pairs are
// compared, block by block: P * P distances a cloud in time, a few million of them at once in
// memory. Points are data: nothing here has a gradient.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// points_NP3: [N, P, 3], floating point, any device, N >= 0, P >= 1, finite. Returns int64
/// [N, P, min(k, P)] on the same device: row p holds the points nearest to p, nearest first, p
/// itself (or one in its place) in front. Distances are squared, in float32; of equally near points
/// the lower number comes first, so the result is the same on every run and device up to the
/// rounding of distances. Throws kInvalidArgument for another shape or k < 1.
at::Tensor nearest_points(const at::Tensor& points_NP3, std::int64_t k);

/// The same by all pairs on any device, as nearest_points does it elsewhere than on a CPU.
at::Tensor nearest_by_all_pairs(const at::Tensor& points_NP3, std::int64_t k);

}  // namespace larkspur::model3d
