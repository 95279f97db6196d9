// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/splat.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/point_references.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;
using larkspur::testing::splat_reference;

void expect_splat(const at::Tensor& features_NCP, const at::Tensor& points_NP3, std::int64_t size) {
  const at::Tensor pictures = splat(features_NCP, points_NP3, size);
  ASSERT_EQ(pictures.sizes(),
            (at::IntArrayRef{features_NCP.size(0), 3, features_NCP.size(1), size, size}));
  for (std::int64_t n = 0; n < features_NCP.size(0); ++n) {
    EXPECT_TRUE(
        pictures[n].allclose(splat_reference(features_NCP[n], points_NP3[n], size), 1e-12, 1e-12))
        << n;
  }
}

// Sparse and dense, inside the box and out of it.
TEST(Splat, IsThatOfPlainLoops) {
  const at::Tensor points = golden_noise("points", {2, 60, 3}).to(at::kDouble) * 1.4;
  const at::Tensor features = golden_noise("features", {2, 3, 60}).to(at::kDouble);
  for (const std::int64_t size : {1, 2, 7, 16}) expect_splat(features, points, size);
}

TEST(Splat, OfOnePointIsASplineAroundIt) {
  const at::Tensor points = at::tensor({0.25, 0.0, -0.5}, at::kDouble).view({1, 1, 3});
  expect_splat(at::full({1, 2, 1}, 3.0, at::kDouble), points, 8);
  const at::Tensor pictures = splat(at::ones({1, 1, 1}, at::kDouble), points, 8)[0].select(1, 0);
  for (std::int64_t view = 0; view < 3; ++view)
    EXPECT_NEAR(pictures[view].sum().item<double>(), 1.0, 1e-12);
  // x 0.25 lies on the edge between columns 4 and 5 of 8, z -0.5 between rows 5 and 6.
  EXPECT_NEAR(pictures[1][5][4].item<double>(), 0.25, 1e-12);
  EXPECT_NEAR(pictures[1][6][5].item<double>(), 0.25, 1e-12);
}

TEST(Splat, ManyPointsInOnePlaceAreTheirMean) {
  const at::Tensor points = at::full({1, 50, 3}, 0.1, at::kDouble);
  const at::Tensor features = golden_noise("features", {1, 2, 50}).to(at::kDouble);
  const at::Tensor pictures = splat(features, points, 4)[0];
  const at::Tensor mean = features[0].mean(1);
  EXPECT_TRUE(pictures.select(3, 2).select(2, 1)[0].allclose(mean, 1e-12, 1e-12));
}

TEST(Splat, ChangesLittleWhenAPointCrossesTheBorderOfAPixel) {
  const auto at_place = [](double x) {
    return splat(at::ones({1, 1, 1}, at::kDouble),
                 at::tensor({x, 0.03, 0.02}, at::kDouble).view({1, 1, 3}),
                 10);
  };
  constexpr double kStep = 1e-6;
  for (int border = -5; border <= 5; ++border) {
    const double x = border / 5.0;
    const double moved = (at_place(x + kStep) - at_place(x - kStep)).abs().max().item<double>();
    EXPECT_GT(moved, 0.0) << x;
    EXPECT_LT(moved, 10 * 2 * kStep) << x;
  }
}

TEST(Splat, CutsOffWhatIsFarOutside) {
  at::Tensor points = golden_noise("points", {1, 9, 3});
  const at::Tensor features = golden_noise("features", {1, 2, 9});
  const at::Tensor before = splat(features, points, 6);
  points = at::cat({points, at::full({1, 1, 3}, 1e30F), at::full({1, 1, 3}, -1e30F)}, 1);
  const at::Tensor more = at::cat({features, at::ones({1, 2, 2})}, 2);
  EXPECT_TRUE(splat(more, points, 6).equal(before));
}

TEST(Splat, HasTheGradientOfItsFiniteDifferences) {
  const at::Tensor points = golden_noise("points", {2, 30, 3}).to(at::kDouble);
  const at::Tensor features =
      golden_noise("features", {2, 3, 30}).to(at::kDouble).requires_grad_(true);
  const at::Tensor weights = golden_noise("loss", {2, 3, 3, 5, 5}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      {features}, [&] { return (splat(features, points, 5) * weights).sum(); });
}

TEST(Splat, RefusesWhatDoesNotFit) {
  EXPECT_THAT(refusal_of([] {
                splat(at::zeros({1, 2, 4}), at::zeros({1, 5, 3}), 6);
              }).text,
              ::testing::HasSubstr("[splat] features [1, 2, 4] at points [1, 5, 3]"));
  EXPECT_EQ(refusal_of([] {
              splat(at::zeros({1, 2, 4}), at::zeros({1, 4, 3}), 0);
            }).code,
            "invalid argument");
}

}  // namespace
}  // namespace larkspur::model3d
