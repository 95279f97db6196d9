// SPDX-License-Identifier: Apache-2.0
#include "readers/format/local_origin.h"

#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;

TEST(LocalOrigin, LeavesCloudsNearTheOriginAsTheyAre) {
  const std::vector<double> values{10.25, -3, 2, 11, -2, 2.5, 10.5, -2.5, 2};
  const at::Tensor expected =
      at::tensor({10.25F, -3.0F, 2.0F, 11.0F, -2.0F, 2.5F, 10.5F, -2.5F, 2.0F}).reshape({3, 3});
  EXPECT_TRUE(at::equal(local_points(values, 3), expected));
  at::Tensor points = expected.clone();
  move_to_origin(points);
  EXPECT_TRUE(at::equal(points, expected));
}

// Millimetres at UTM coordinates: float32 steps are half a metre there.
TEST(LocalOrigin, KeepsTheDetailOfFarClouds) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) {
    values.insert(values.end(), {513247.0 + 0.001 * i, 5403655.0 - 0.001 * i, 260.0, 1e6, 0, 0});
  }
  const at::Tensor points = local_points(values, 6);
  const auto at = points.accessor<float, 2>();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_NEAR(at[i][0] - at[0][0], 0.001 * i, 1e-6);
    EXPECT_NEAR(at[i][1] - at[0][1], -0.001 * i, 1e-6);
    EXPECT_EQ(at[i][3], 1e6F);  // only coordinates move
  }
  EXPECT_NEAR(at[0][0] + at[999][0], 0.0, 1e-6);  // the box's centre is the origin
}

TEST(LocalOrigin, MovesMeshesAndStoredFloatsAlike) {
  std::vector<Vertex> vertices{{1e6, 0, 0}, {1e6 + 2, 0, 0}};
  move_to_origin(vertices);
  EXPECT_THAT(vertices, ElementsAre(Vertex{-1, 0, 0}, Vertex{1, 0, 0}));
  at::Tensor points = at::tensor({1e6F, 0.0F, 0.0F, 1e6F + 2, 0.0F, 0.0F}).reshape({2, 3});
  move_to_origin(points);
  EXPECT_TRUE(at::equal(points, at::tensor({-1.0F, 0.0F, 0.0F, 1.0F, 0.0F, 0.0F}).reshape({2, 3})));
}

TEST(LocalOrigin, StartsAtTheFactorAndLeavesSinglePlaces) {
  std::vector<Vertex> near{{255, 0, 0}, {256, 0, 0}};
  move_to_origin(near);
  EXPECT_EQ(near[0][0], 255);
  std::vector<Vertex> far{{256, 0, 0}, {257, 0, 0}};
  move_to_origin(far);
  EXPECT_EQ(far[0][0], -0.5);
  std::vector<Vertex> single{{1e6, 2, 3}};
  move_to_origin(single);
  EXPECT_EQ(single[0][0], 1e6);
}

}  // namespace
}  // namespace larkspur::readers
