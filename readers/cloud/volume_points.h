// SPDX-License-Identifier: Apache-2.0
// The full cells of a volume as points, so that a plan can turn, scale and shift them, and a grid
// take them up again.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "readers/format/volume.h"

namespace larkspur::readers {

/// The centres of full cells of n^3, float32 [N, 3] x, y, z in [-1, 1], in order of z, y, x; N
/// >= 1. They lie in the centres of `grid` (>= 1) voxels a side, so voxelise() of the same grid
/// puts each into its own voxel: cell i of an axis into voxel i + floor((grid - n) / 2) where the
/// grid is as large, empty voxels around it (30 in 32: one on each side), else into the one that
/// holds the cell's centre, floor((2 i + 1) grid / (2 n)).
at::Tensor cell_centres(const Volume& volume, std::int64_t grid);

}  // namespace larkspur::readers
