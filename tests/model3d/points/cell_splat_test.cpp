// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/cell_splat.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;

// The formula of the header, over every cell and point of one sample.
at::Tensor cells_by_loops(const at::Tensor& features_PC,
                          const at::Tensor& points_P3,
                          std::int64_t grid) {
  at::Tensor map = at::zeros({features_PC.size(1), grid, grid, grid}, at::kDouble);
  const auto points = points_P3.accessor<double, 2>();
  for (std::int64_t cell = 0; cell < grid * grid * grid; ++cell) {
    const std::int64_t place[]{cell % grid, cell / grid % grid, cell / grid / grid};
    at::Tensor sum = at::zeros({features_PC.size(1)}, at::kDouble);
    double cover = 0.0;
    for (std::int64_t p = 0; p < points.size(0); ++p) {
      double weight = 1.0;
      for (std::int64_t axis = 0; axis < 3; ++axis) {
        const double in_cells = (points[p][axis] + 1.0) * static_cast<double>(grid) / 2.0;
        const double centre = static_cast<double>(place[axis]) + 0.5;
        weight *= std::max(0.0, 1.0 - std::abs(in_cells - centre));
      }
      sum += features_PC[p] * weight;
      cover += weight;
    }
    map.select(1, place[2])
        .select(1, place[1])
        .select(1, place[0])
        .copy_(sum / std::max(1.0, cover));
  }
  return map;
}

// Sparse and dense, inside the box and out of it.
TEST(CellSplat, IsThatOfPlainLoops) {
  const at::Tensor points = golden_noise("points", {2, 60, 3}).to(at::kDouble) * 1.4;
  const at::Tensor features = golden_noise("features", {2, 60, 3}).to(at::kDouble);
  for (const std::int64_t grid : {1, 2, 5, 8}) {
    const at::Tensor maps = splat_cells(features, points, grid);
    ASSERT_EQ(maps.sizes(), (at::IntArrayRef{2, 3, grid, grid, grid}));
    for (std::int64_t n = 0; n < 2; ++n) {
      EXPECT_TRUE(maps[n].allclose(cells_by_loops(features[n], points[n], grid), 1e-12, 1e-12));
    }
  }
}

TEST(CellSplat, LaysXAlongWidthAndZAlongDepth) {
  const at::Tensor points = at::tensor({0.75, -0.25, -0.75}, at::kDouble).view({1, 1, 3});
  const at::Tensor map = splat_cells(at::full({1, 1, 1}, 5.0, at::kDouble), points, 4)[0][0];
  EXPECT_EQ(map[0][1][3].item<double>(), 5.0);
  EXPECT_EQ(map.sum().item<double>(), 5.0);
}

TEST(CellSplat, HasTheGradientOfItsFiniteDifferences) {
  const at::Tensor points = golden_noise("points", {2, 30, 3}).to(at::kDouble);
  const at::Tensor features =
      golden_noise("features", {2, 30, 4}).to(at::kDouble).requires_grad_(true);
  const at::Tensor weights = golden_noise("loss", {2, 4, 5, 5, 5}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      {features}, [&] { return (splat_cells(features, points, 5) * weights).sum(); });
}

TEST(CellSplat, RefusesShapesThatDoNotFit) {
  EXPECT_THAT(refusal_of([] {
                splat_cells(at::zeros({1, 4, 2}), at::zeros({1, 5, 3}), 4);
              }).text,
              ::testing::HasSubstr("not [N,P,C], [N,P,3] and >= 1"));
  EXPECT_NE(refusal_of([] {
              splat_cells(at::zeros({1, 5, 2}), at::zeros({1, 5, 3}), 0);
            }).text,
            "");
}

}  // namespace
}  // namespace larkspur::model3d
