// SPDX-License-Identifier: Apache-2.0
// Coordinates far from the origin, moved there before they are rounded to float32.
//
// Surveys count metres from the equator: at y = 5,403,700 the steps of float32 are half a metre.
// Where the cloud lies does not matter to what it shows, so the move loses nothing. Clouds near the
// origin stay as they are.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "readers/format/mesh.h"

namespace larkspur::readers {

/// A cloud is far when a coordinate is this many times the largest side of its box: rounding would
/// cost it more than 8 of the 24 bits.
inline constexpr double kFarFactor = 256.0;

/// Points as float32 [N, columns] from N rows of `columns` >= 3 doubles, the first three of them x,
/// y, z, which fit float32: those of a far cloud minus the centre of its box, subtracted in double.
at::Tensor local_points(const std::vector<double>& values, std::int64_t columns);

/// The same for float32 [N, C], C >= 3, CPU, contiguous, in place.
void move_to_origin(at::Tensor& points_NC);

/// The same for the vertices of a mesh, in place.
void move_to_origin(std::vector<Vertex>& vertices);

}  // namespace larkspur::readers
