// SPDX-License-Identifier: Apache-2.0
// What is done to a point cloud before the network sees it: decided here, executed by readers.
//
// Scale and shift as PointNeXt trains on ModelNet-40 (Qian et al. 2022, arXiv 2206.04670, table 8):
// anisotropic scale uniform in [scale_min, scale_max], shift uniform in [-shift, shift], per axis.
#pragma once

#include <array>
#include <cstdint>

#include "pipeline/rng.h"

namespace larkspur::pipeline {

/// Which points an evaluation takes of a cloud that stores more than it needs.
enum class PointSubset : std::uint8_t {
  kDrawn,  ///< a uniform subset, drawn by the content of the file: the order of points is nothing
  kFirst   ///< the first ones, as published figures of resampled sets take them
};

/// Ranges the draws come from. Equal bounds (or zero shift) switch a transform off.
struct CloudAugmentation {
  double scale_min = 1.0;  ///< > 0
  double scale_max = 1.0;  ///< >= scale_min
  double shift = 0.0;      ///< >= 0, in units of the shape's radius
  bool rotate_up = false;  ///< any angle about the z axis
  bool mirror = false;     ///< x and y each negated with probability one half
  bool fit = false;  ///< back into the unit sphere after scaling, before the shift: what grids
                     ///< would cut off stays, and a shape keeps the size it is scored at

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// One view of one cloud: out = fit(scale * (R_y(tilt) R_z(angle) p)) + shift, per axis; a pure
/// value.
struct CloudPlan {
  std::array<double, 3> scale{1.0, 1.0, 1.0};  ///< negative where mirrored
  std::array<double, 3> shift{0.0, 0.0, 0.0};
  double angle = 0.0;  ///< radians about z, first
  double tilt = 0.0;   ///< radians about y, from z towards x
  bool fit = false;    ///< centred on the mean and divided by the largest distance from it
};

/// The plan of a training view: a pure function of its arguments.
CloudPlan plan_cloud(const CloudAugmentation& augmentation, const SampleKey& key);

}  // namespace larkspur::pipeline
