// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/schedule.h"

#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

TEST(LearningRateSchedule, WarmsUpInEqualStepsToThePeak) {
  const LearningRateSchedule schedule{0.4, 0.0, 4, 20};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.4);
}

TEST(LearningRateSchedule, IsHalfWayDownInTheMiddleAndAtTheFloorAtTheEnd) {
  const LearningRateSchedule schedule{1.0, 0.2, 0, 10};
  EXPECT_NEAR(schedule.at(5), 0.6, 1e-12);
  EXPECT_NEAR(schedule.at(10), 0.2, 1e-12);
  EXPECT_NEAR(schedule.at(99), 0.2, 1e-12);
}

TEST(LearningRateSchedule, OfASweepGrowsByTheSameFactorWhateverElseItSays) {
  LearningRateSchedule schedule{1.0, 0.2, 3, 10};
  schedule.sweep = {1e-4, 1.0, 5};
  EXPECT_NEAR(schedule.at(0), 1e-4, 1e-12);
  EXPECT_NEAR(schedule.at(1), 1e-3, 1e-10);
  EXPECT_NEAR(schedule.at(4), 1.0, 1e-9);
  EXPECT_NEAR(schedule.at(50), 1.0, 1e-9);
}

}  // namespace
}  // namespace larkspur::pipeline
