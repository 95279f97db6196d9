// SPDX-License-Identifier: Apache-2.0
// The views of a cloud that an evaluation scores: which of its points, and how they are turned.
#pragma once

#include <cstdint>

#include "pipeline/plan/cloud_plan.h"

namespace larkspur::pipeline {

/// Which points of a cloud that stores more than a sample has. Of a mesh they are drawn from its
/// surface first.
enum class PointChoice : std::uint8_t {
  kSubset,         ///< as the run says (PointSubset)
  kFirst,          ///< the first ones of the file
  kFarthest,       ///< farthest points, from the file's first one
  kFarthestDrawn,  ///< drawn, for every view anew, of farthest points: 75 for 64 of a sample
};

/// How views differ.
enum class CloudTurns : std::uint8_t {
  kNone,
  /// Scale of each axis in [2/3, 3/2], shift of each in [-0.2, 0.2], drawn for every view.
  kScaleAndShift,
  /// 10 angles t = pi i / 5 about z by -t, then 4 about y by p = pi (-0.4 + j / 15); view 10 j + i.
  kTenByFour,
  /// View k is turned by 2 pi k / views about z.
  kAround
};

/// How a protocol looks at a cloud.
struct CloudViews {
  PointChoice points = PointChoice::kSubset;
  CloudTurns turns = CloudTurns::kNone;
  std::int64_t count = 1;  ///< views, > 0
};

/// What is done to view key.view of a cloud; drawn by the key where something is drawn. Throws
/// kInvalidArgument for a view that there is not.
CloudPlan plan_cloud_view(const CloudViews& views, const SampleKey& key);

/// Farthest points that kFarthestDrawn draws `points` of, at most `stored`.
std::int64_t drawn_from(std::int64_t points, std::int64_t stored);

}  // namespace larkspur::pipeline
