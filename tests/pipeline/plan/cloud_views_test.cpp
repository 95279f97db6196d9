// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/cloud_views.h"

#include <numbers>
#include <set>

#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/plan/protocol.h"

namespace larkspur::pipeline {
namespace {

CloudPlan plan_of(const char* protocol, std::uint16_t view, std::uint32_t content = 7) {
  return plan_cloud_view(find_protocol(protocol).clouds, {1, 0, content, view});
}

TEST(CloudViews, OfOneViewLeaveTheCloudAsItLies) {
  for (const char* protocol : {"center", "fixed"}) {
    const CloudPlan plan = plan_of(protocol, 0);
    EXPECT_EQ(plan.scale, (std::array<double, 3>{1, 1, 1}));
    EXPECT_EQ(plan.shift, (std::array<double, 3>{0, 0, 0}));
    EXPECT_EQ(plan.angle, 0.0);
    EXPECT_EQ(plan.tilt, 0.0);
    EXPECT_THROW(plan_of(protocol, 1), Error);
  }
  EXPECT_EQ(find_protocol("fixed").clouds.points, PointChoice::kFirst);
  EXPECT_EQ(find_protocol("center").clouds.points, PointChoice::kSubset);
}

TEST(CloudViews, OfAVoteDrawScaleAndShiftOfEachAxisAndView) {
  std::set<double> drawn;
  for (std::uint32_t content = 0; content < 100; ++content) {
    for (std::uint16_t view = 0; view < 10; ++view) {
      const CloudPlan plan = plan_of("vote10", view, content);
      EXPECT_EQ(plan.angle, 0.0);
      for (const double scale : plan.scale) {
        EXPECT_GE(scale, 2.0 / 3.0);
        EXPECT_LT(scale, 1.5);
        drawn.insert(scale);
      }
      for (const double shift : plan.shift) {
        EXPECT_GE(shift, -0.2);
        EXPECT_LT(shift, 0.2);
        drawn.insert(shift);
      }
    }
  }
  EXPECT_EQ(drawn.size(), 6000U);
  EXPECT_LT(*drawn.begin(), -0.19);
  EXPECT_GT(*drawn.rbegin(), 1.49);
  EXPECT_EQ(plan_of("vote10", 3).scale, plan_of("vote10", 3).scale);
  EXPECT_EQ(find_protocol("vote10").fusion, ViewFusion::kLogits);
}

TEST(CloudViews, OfFortyTurnTenTimesAboutZAndFourTimesAboutY) {
  constexpr double pi = std::numbers::pi;
  const double azimuths[] = {0, .2, .4, .6, .8, 1, 1.2, 1.4, 1.6, 1.8};
  const double tilts[] = {-.4, -1.0 / 3.0, -4.0 / 15.0, -.2};  // linspace(-.4, -.2, 4)
  std::uint16_t view = 0;
  for (const double tilt : tilts) {
    for (const double azimuth : azimuths) {
      const CloudPlan plan = plan_of("rotate40", view++);
      EXPECT_NEAR(plan.angle, -azimuth * pi, 1e-12) << view;
      EXPECT_NEAR(plan.tilt, tilt * pi, 1e-12) << view;
      EXPECT_EQ(plan.scale, (std::array<double, 3>{1, 1, 1}));
    }
  }
  EXPECT_EQ(view, find_protocol("rotate40").views(SampleKind::kCloud));
  EXPECT_THROW(plan_of("rotate40", view), Error);
}

TEST(CloudViews, OfTwelveTurnAllAround) {
  for (std::uint16_t view = 0; view < 12; ++view) {
    EXPECT_NEAR(plan_of("rotate12", view).angle, view * std::numbers::pi / 6.0, 1e-12);
    EXPECT_EQ(plan_of("rotate12", view).tilt, 0.0);
  }
}

TEST(CloudViews, DrawOfMoreFarthestPointsThanTheyTake) {
  EXPECT_EQ(drawn_from(1024, 8192), 1200);
  EXPECT_EQ(drawn_from(1024, 1100), 1100);
  EXPECT_EQ(drawn_from(64, 8192), 75);
  EXPECT_EQ(drawn_from(1, 8192), 2);
}

}  // namespace
}  // namespace larkspur::pipeline
