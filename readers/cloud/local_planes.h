// SPDX-License-Identifier: Apache-2.0
// The plane through each point's neighbourhood: normals of a cloud without any stored ones.
//
//   C_p = 1/k sum over the k nearest q of (q - m)(q - m)^T,  m their mean,  k = min(16, N)
//   l0 <= l1 <= l2 the eigenvalues of C_p, n the unit eigenvector of l0
//   row p: n n^T as xx, yy, zz, xy, xz, yz, then planarity (l1 - l0) / l2
//
// n n^T has no sign, unlike n. Planarity as Weinmann, Jutzi, Hinz, Mallet, "Semantic point cloud
// interpretation based on optimal neighborhoods, relevant features and efficient classifiers",
// ISPRS Journal 105, 2015, equation 5: 1 of a plane, 0 of a line or a ball, where n is any of many.
// Of points that a plan has scaled, so that normals turn as the surface does.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::readers {

/// k above.
inline constexpr std::int64_t kPlaneNeighbours = 16;

/// Values of a row: six of n n^T, one planarity.
inline constexpr std::int64_t kPlaneValues = 7;

/// points_N3: float32 [N, 3], N >= 0, finite, CPU, any strides. Returns float32 [N, 7], CPU,
/// contiguous; sums in float64 over neighbours from the nearest on (pipeline/geometry), zeros where
/// they all lie in one place. Callable from any thread. Throws kInvalidArgument for another shape.
at::Tensor local_planes(const at::Tensor& points_N3);

}  // namespace larkspur::readers
