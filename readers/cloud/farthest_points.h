// SPDX-License-Identifier: Apache-2.0
// Farthest point sampling: a subset that covers a cloud evenly.
//
// Each next point is the one farthest from all chosen before (Eldar, Lindenbaum, Porat, Zeevi: "The
// farthest point strategy for progressive image sampling", IEEE Transactions on Image Processing
// 6(9), 1997). Exact, O(n k).
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::readers {

/// Places of k points in the order in which they were chosen: int64 [k], CPU, all different, the
/// first is `start`. Distances are squared and in float, (dx*dx + dy*dy) + dz*dz; of several that
/// are equally far the lowest place is taken.
/// points_N3: float32 [n, 3] with finite values, CPU, any strides.
/// Throws kInvalidArgument for another shape or type, k outside [0, n], start outside [0, n).
at::Tensor farthest_points(const at::Tensor& points_N3, std::int64_t k, std::int64_t start = 0);

}  // namespace larkspur::readers
