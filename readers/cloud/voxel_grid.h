// SPDX-License-Identifier: Apache-2.0
// A cloud as a regular grid of voxels: the input of the native three-dimensional networks.
//
//   [-1, 1] on each axis  ->  G voxels;  grid[channel][d][h][w],  d along z, h along y, w along x
//
// Voxel i of an axis holds [-1 + 2i/G, -1 + 2(i+1)/G); the last one also holds 1 itself, so that a
// cloud of radius 1 lies inside. Points outside the box are dropped: pulled to its faces they would
// build walls that no shape has.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::readers {

/// What a voxel tells of the points in it; 0 where there are none.
enum class VoxelValue : std::uint8_t {
  kOccupancy,  ///< 1 channel: 1
  kRich,       ///< 12 channels, below
};

/// Channels of kRich, of the points p in a voxel, in their order, each sum in float32:
///
///   0      min(1, sum over all points of the product over axes of max(0, 1 - |p - c|)), p and the
///          voxel's centre c in voxels: occupancy spread over the eight nearest centres
///   1      log(1 + n), n their number
///   2-4    x, y, z: their mean from c in half voxels, [-1, 1]
///   5-11   mean of their rows of local_planes.h: n n^T of the normal, planarity
///
/// 1,024 points leave a voxel of 32^3 mostly one, of which occupancy throws the place away; cells
/// that keep it: Le, Duan, "PointGrid", CVPR 2018; with normals: Wang et al., "O-CNN", 2017.
inline constexpr std::int64_t kRichChannels = 12;

struct VoxelGridOptions {
  std::int64_t grid = 32;  ///< G, voxels along each axis, [1, 512]
  VoxelValue value = VoxelValue::kOccupancy;

  /// Channels of the grid: 1 or 12.
  std::int64_t channels() const { return value == VoxelValue::kRich ? kRichChannels : 1; }

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// points_N3: float32 [N, 3], N >= 0, finite, CPU, any strides. Returns float32 [C, G, G, G], CPU,
/// contiguous. Throws kInvalidArgument for another shape or type, and as the options' check.
at::Tensor voxelise(const at::Tensor& points_N3, const VoxelGridOptions& options);

/// The cloud moved and scaled into the unit sphere: centred on the mean of its points, divided by
/// the largest distance from it (all zeros where the points are all in one place). Computed in
/// double; no coordinate leaves [-1, 1]. float32 [N, 3] in and out, as above.
at::Tensor normalise_unit_sphere(const at::Tensor& points_N3);

}  // namespace larkspur::readers
