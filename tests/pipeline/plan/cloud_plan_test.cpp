// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/cloud_plan.h"

#include <cmath>

#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::pipeline {
namespace {

TEST(CloudPlan, IsAFunctionOfItsKey) {
  const CloudAugmentation augmentation{0.8, 1.25, 0.1, true, true};
  const CloudPlan plan = plan_cloud(augmentation, {1, 2, 3, 0});
  EXPECT_EQ(plan.scale, plan_cloud(augmentation, {1, 2, 3, 0}).scale);
  EXPECT_NE(plan.scale, plan_cloud(augmentation, {1, 3, 3, 0}).scale);
  EXPECT_NE(plan.shift, plan_cloud(augmentation, {1, 2, 4, 0}).shift);
}

TEST(CloudPlan, DrawsEachAxisByItselfInsideTheBounds) {
  const CloudAugmentation augmentation{0.5, 2.0, 0.25, false, false};
  double lowest = 9.0;
  double highest = 0.0;
  for (std::uint32_t sample = 0; sample < 2000; ++sample) {
    const CloudPlan plan = plan_cloud(augmentation, {1, 0, sample, 0});
    EXPECT_NE(plan.scale[0], plan.scale[1]);
    EXPECT_EQ(plan.angle, 0.0);
    for (int axis = 0; axis < 3; ++axis) {
      lowest = std::min(lowest, plan.scale[axis]);
      highest = std::max(highest, plan.scale[axis]);
      EXPECT_LE(std::abs(plan.shift[axis]), 0.25);
    }
  }
  EXPECT_NEAR(lowest, 0.5, 0.01);
  EXPECT_NEAR(highest, 2.0, 0.01);
}

TEST(CloudPlan, MirrorsHalfOfTheSamplesOnEachGroundAxis) {
  int mirrored = 0;
  for (std::uint32_t sample = 0; sample < 1000; ++sample) {
    const CloudPlan plan = plan_cloud({1.0, 1.0, 0.0, false, true}, {1, 0, sample, 0});
    mirrored += plan.scale[0] < 0 ? 1 : 0;
    EXPECT_GT(plan.scale[2], 0.0);
  }
  EXPECT_NEAR(mirrored, 500, 70);
}

TEST(CloudAugmentation, RefusesBoundsInTheWrongOrder) {
  EXPECT_THROW((CloudAugmentation{1.5, 1.0, 0.0, false, false}.check()), Error);
  EXPECT_NO_THROW((CloudAugmentation{1.0, 1.5, 0.2, true, false}.check()));
}

}  // namespace
}  // namespace larkspur::pipeline
