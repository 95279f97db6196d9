// SPDX-License-Identifier: Apache-2.0
// The nearest neighbours of every point of a cloud, exact, through a grid of buckets.
//
//   points -- buckets, a few points each -- rings of buckets around a point, until the k best so
//   far are nearer than anything that no ring has reached
//
// Some hundred candidates a point instead of all P, where points lie on surfaces; a few strays (2 %
// at either end of an axis) do not change that, but see nearly all points themselves. Heaps far
// apart, each much smaller than the distance between them, share few buckets: then up to P.
#pragma once

#include <cstdint>
#include <span>

namespace larkspur::pipeline {

/// points: P rows x, y, z, finite. nearest: P rows of k places, 1 <= k <= P: row p holds the points
/// nearest to p, nearest first, p itself (or one in its place) in front. Distances are squared, in
/// float32, (dx*dx + dy*dy) + dz*dz; of equally near points the lower place comes first. Returns
/// how many distances that took. Callable from any thread. Throws kInvalidArgument for sizes that
/// do not fit.
std::int64_t near_points(std::span<const float> points,
                         std::int64_t k,
                         std::span<std::int32_t> nearest);

}  // namespace larkspur::pipeline
