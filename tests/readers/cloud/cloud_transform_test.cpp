// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/cloud_transform.h"

#include <array>
#include <cmath>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/plan/protocol.h"

namespace larkspur::readers {
namespace {

TEST(CloudTransform, LeavesThePointsOfTheIdentityPlanAsTheyAre) {
  const at::Tensor points = at::arange(12, at::kFloat).reshape({4, 3}).sin();
  EXPECT_TRUE(at::equal(transform_cloud(points, {}), points));
}

TEST(CloudTransform, TurnsXTowardsY) {
  pipeline::CloudPlan plan;
  plan.angle = std::numbers::pi / 2;
  const at::Tensor turned = transform_cloud(at::tensor({1.0F, 0.0F, 5.0F}).reshape({1, 3}), plan);
  EXPECT_TRUE(at::allclose(turned, at::tensor({0.0F, 1.0F, 5.0F}).reshape({1, 3})));
}

// scale * (R p) + shift with matrices in double.
TEST(CloudTransform, RotatesThenScalesThenShifts) {
  const at::Tensor points = at::arange(30, at::kFloat).reshape({10, 3}).cos();
  const pipeline::CloudPlan plan{{1.5, -0.7, 0.9}, {0.1, -0.2, 0.3}, 0.8};
  const double c = std::cos(plan.angle);
  const double s = std::sin(plan.angle);
  const at::Tensor rotation =
      at::tensor({c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0}, at::kDouble).reshape({3, 3});
  const at::Tensor scale = at::diag(at::tensor({1.5, -0.7, 0.9}, at::kDouble));
  const at::Tensor shift = at::tensor({0.1, -0.2, 0.3}, at::kDouble);
  const at::Tensor expected = points.to(at::kDouble).matmul(scale.matmul(rotation).t()) + shift;
  const at::Tensor moved = transform_cloud(points, plan);
  EXPECT_EQ(moved.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(moved.to(at::kDouble), expected, 1e-6, 1e-6));
}

TEST(CloudTransform, FitsAScaledCloudIntoTheUnitSphereBeforeItIsShifted) {
  const at::Tensor points = at::arange(60, at::kFloat).reshape({20, 3}).cos();
  pipeline::CloudPlan plan{{1.5, 0.7, 1.2}, {0.0, 0.0, 0.0}, 0.3};
  const at::Tensor scaled = transform_cloud(points, plan);
  plan.fit = true;
  plan.shift = {0.05, -0.1, 0.02};
  const at::Tensor shift = at::tensor({0.05F, -0.1F, 0.02F});
  const at::Tensor fitted = transform_cloud(points, plan) - shift;
  const at::Tensor centred = scaled - scaled.mean({0});
  EXPECT_NEAR(fitted.norm(2, {1}).max().item<float>(), 1.0F, 1e-5F);
  EXPECT_TRUE(at::allclose(fitted, centred / centred.norm(2, {1}).max(), 1e-5, 1e-5));
}

/// Rodrigues' rotation by `angle` about a unit vector, float64 [3, 3].
at::Tensor rotation_about(const std::array<double, 3>& axis, double angle) {
  const at::Tensor v = at::tensor(at::ArrayRef<double>(axis.data(), 3), at::kDouble);
  const at::Tensor cross =
      at::tensor({0.0, -axis[2], axis[1], axis[2], 0.0, -axis[0], -axis[1], axis[0], 0.0},
                 at::kDouble)
          .reshape({3, 3});
  return at::diag(at::ones({3}, at::kDouble)) * std::cos(angle) + cross * std::sin(angle) +
         at::outer(v, v) * (1 - std::cos(angle));
}

// P2P turns about (sin t, -cos t, 0) by -p, then about z by -t: here about z by -t, then about y.
TEST(CloudTransform, TurnsTheFortyViewsAsTheirAuthorsDo) {
  const at::Tensor points = at::arange(30, at::kFloat).reshape({10, 3}).cos();
  const pipeline::CloudViews& views = pipeline::find_protocol("rotate40").clouds;
  for (std::uint16_t view = 0; view < 40; ++view) {
    const double theta = 0.2 * (view % 10) * std::numbers::pi;
    const double phi = (-0.4 + 0.2 / 3.0 * (view / 10)) * std::numbers::pi;
    const at::Tensor turn =
        rotation_about({0, 0, 1}, -theta)
            .matmul(rotation_about({std::sin(theta), -std::cos(theta), 0}, -phi));
    const at::Tensor expected = points.to(at::kDouble).matmul(turn.t());
    const at::Tensor turned =
        transform_cloud(points, pipeline::plan_cloud_view(views, {.view = view}));
    ASSERT_TRUE(at::allclose(turned.to(at::kDouble), expected, 1e-6, 1e-6)) << view;
  }
}

TEST(CloudTransform, RefusesOtherShapesAndTypes) {
  EXPECT_THROW(transform_cloud(at::zeros({2, 6}), {}), pipeline::Error);
  EXPECT_THROW(transform_cloud(at::zeros({2, 3}, at::kDouble), {}), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::readers
