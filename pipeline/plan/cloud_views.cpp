// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/cloud_views.h"

#include <algorithm>
#include <numbers>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr CloudAugmentation kVote{2.0 / 3.0, 1.5, 0.2, false, false};
constexpr int kAzimuths = 10;  // of kTenByFour

}  // namespace

CloudPlan plan_cloud_view(const CloudViews& views, const SampleKey& key) {
  require(key.view < views.count,
          Errc::kInvalidArgument,
          "[plan_cloud_view] view ",
          key.view,
          " of ",
          views.count);
  CloudPlan plan;
  switch (views.turns) {
    case CloudTurns::kNone:
      break;
    case CloudTurns::kScaleAndShift:
      return plan_cloud(kVote, key);
    case CloudTurns::kTenByFour:
      plan.angle = -std::numbers::pi * (key.view % kAzimuths) / 5.0;
      plan.tilt = std::numbers::pi * (-0.4 + key.view / kAzimuths / 15.0);
      break;
    case CloudTurns::kAround:
      plan.angle = 2.0 * std::numbers::pi * key.view / static_cast<double>(views.count);
      break;
  }
  return plan;
}

std::int64_t drawn_from(std::int64_t points, std::int64_t stored) {
  return std::min(stored, (points * 75 + 63) / 64);
}

}  // namespace larkspur::pipeline
