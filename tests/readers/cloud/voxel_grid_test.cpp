// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/voxel_grid.h"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/rng.h"
#include "readers/cloud/local_planes.h"

namespace larkspur::readers {
namespace {

at::Tensor cloud(const std::vector<float>& coordinates) {
  return at::tensor(coordinates).reshape({-1, 3});
}

// Coordinates in multiples of 1/64, from -1.25 to 1.25: exact, many of them on voxel borders.
at::Tensor random_cloud(std::int64_t n) {
  pipeline::CounterRng rng({9, 0, 0, 0}, pipeline::Purpose::kSynthetic);
  at::Tensor points = at::empty({n, 3}, at::kFloat);
  for (std::int64_t i = 0; i < 3 * n; ++i) {
    points.data_ptr<float>()[i] = static_cast<float>(rng.below(161)) / 64.0F - 1.25F;
  }
  return points;
}

struct Cell {
  double count = 0.0;
  std::array<double, 10> sums{};  // x, y, z, then the rows of local_planes
};

// By voxel (d, h, w): how many points it holds, and sums over them.
std::map<std::tuple<int, int, int>, Cell> cells_of(const at::Tensor& points, int grid) {
  std::map<std::tuple<int, int, int>, Cell> cells;
  const at::Tensor planes = local_planes(points);
  const auto p = points.accessor<float, 2>();
  const auto plane = planes.accessor<float, 2>();
  for (std::int64_t i = 0; i < points.size(0); ++i) {
    int index[3];
    bool is_inside = true;
    for (int k = 0; k < 3; ++k) {
      const double value = p[i][k];
      is_inside = is_inside && value >= -1.0 && value <= 1.0;
      index[k] = value == 1.0 ? grid - 1 : static_cast<int>(std::floor((value + 1) / 2 * grid));
    }
    if (!is_inside) continue;
    Cell& cell = cells[{index[2], index[1], index[0]}];
    ++cell.count;
    for (int k = 0; k < 10; ++k) cell.sums[k] += k < 3 ? p[i][k] : plane[i][k - 3];
  }
  return cells;
}

// The spread of the points inside the box over all centres, from its formula.
at::Tensor spread_of(const at::Tensor& points, int grid) {
  at::Tensor spread = at::zeros({grid, grid, grid}, at::kDouble);
  const at::Tensor centres = at::arange(grid, at::kDouble) + 0.5;
  for (std::int64_t i = 0; i < points.size(0); ++i) {
    const at::Tensor point = points[i].to(at::kDouble);
    if (point.abs().max().item<double>() > 1.0) continue;
    std::vector<at::Tensor> along;
    for (int k = 0; k < 3; ++k) {
      along.push_back((1.0 - ((point[k] + 1.0) * 0.5 * grid - centres).abs()).clamp_min(0.0));
    }
    spread += along[2].view({-1, 1, 1}) * along[1].view({-1, 1}) * along[0];
  }
  return spread.clamp_max(1.0);
}

TEST(VoxelGrid, PutsZYXOnDepthHeightWidth) {
  const at::Tensor grid = voxelise(cloud({-0.9F, 0.1F, 0.9F}), {.grid = 4});
  EXPECT_EQ(grid.sizes(), (std::vector<std::int64_t>{1, 4, 4, 4}));
  EXPECT_EQ(grid.sum().item<float>(), 1.0F);
  EXPECT_EQ(grid[0][3][2][0].item<float>(), 1.0F);
}

TEST(VoxelGrid, KeepsBothEndsOfTheBoxAndDropsWhatIsOutside) {
  const at::Tensor ends = voxelise(cloud({-1, -1, -1, 1, 1, 1}), {.grid = 8});
  EXPECT_EQ(ends[0][0][0][0].item<float>(), 1.0F);
  EXPECT_EQ(ends[0][7][7][7].item<float>(), 1.0F);
  const float over = std::nextafter(1.0F, 2.0F);
  EXPECT_EQ(voxelise(cloud({over, 0, 0, 0, -over, 0, 0, 0, 5}), {.grid = 8}).sum().item<float>(),
            0.0F);
}

TEST(VoxelGrid, AgreesWithACountByHand) {
  const at::Tensor points = random_cloud(3000);
  at::Tensor occupancy = at::zeros({1, 16, 16, 16});
  at::Tensor rich = at::zeros({12, 16, 16, 16}, at::kDouble);
  rich[0] = spread_of(points, 16);
  for (const auto& [place, cell] : cells_of(points, 16)) {
    const auto [d, h, w] = place;
    occupancy[0][d][h][w] = 1.0;
    const int voxel[]{w, h, d};
    rich[1][d][h][w] = std::log(1.0 + cell.count);
    for (int k = 0; k < 10; ++k) {
      const double mean = cell.sums[k] / cell.count;
      rich[2 + k][d][h][w] = k < 3 ? (mean + 1) * 16 - (2 * voxel[k] + 1) : mean;
    }
  }
  EXPECT_TRUE(at::equal(voxelise(points, {16, VoxelValue::kOccupancy}), occupancy));
  const at::Tensor found = voxelise(points, {16, VoxelValue::kRich});
  EXPECT_TRUE(at::allclose(found.to(at::kDouble), rich, 1e-5, 1e-5));
}

TEST(VoxelGrid, SpreadsALonePointWithoutLossAndSharesItByNearness) {
  // In voxels at 1.75, 1.5, 1.5: a quarter of the way from the centre of voxel 1 to that of 2.
  const at::Tensor grid = voxelise(cloud({-0.125F, -0.25F, -0.25F}), {4, VoxelValue::kRich});
  EXPECT_EQ(grid[0][1][1][1].item<float>(), 0.75F);
  EXPECT_EQ(grid[0][1][1][2].item<float>(), 0.25F);
  EXPECT_EQ(grid[0].sum().item<float>(), 1.0F);
  EXPECT_EQ(grid[2][1][1][1].item<float>(), 0.5F);
}

TEST(VoxelGrid, MakesAnEmptyGridOfNoPoints) {
  for (const auto value : {VoxelValue::kOccupancy, VoxelValue::kRich}) {
    const VoxelGridOptions options{5, value};
    const at::Tensor grid = voxelise(at::zeros({0, 3}), options);
    EXPECT_TRUE(at::equal(grid, at::zeros({options.channels(), 5, 5, 5})));
  }
}

TEST(VoxelGrid, RefusesGridsAndShapesOutOfRange) {
  EXPECT_THROW(voxelise(at::zeros({1, 3}), {.grid = 0}), pipeline::Error);
  EXPECT_THROW(voxelise(at::zeros({1, 3}), {.grid = 513}), pipeline::Error);
  EXPECT_THROW(voxelise(at::zeros({1, 6}), {.grid = 8}), pipeline::Error);
  EXPECT_THROW(voxelise(at::zeros({1, 3}, at::kDouble), {.grid = 8}), pipeline::Error);
}

TEST(UnitSphere, CentresOnTheMeanAndReachesRadiusOne) {
  const at::Tensor points = random_cloud(200) * 100.0 + 7.0;
  const at::Tensor unit = normalise_unit_sphere(points);
  EXPECT_LT(unit.mean({0}).abs().max().item<float>(), 1e-6F);
  EXPECT_NEAR(unit.norm(2, {1}).max().item<float>(), 1.0F, 1e-6F);
  const at::Tensor centred = points.to(at::kDouble) - points.to(at::kDouble).mean({0});
  const at::Tensor expected = centred / centred.norm(2, {1}).max();
  EXPECT_TRUE(at::allclose(unit.to(at::kDouble), expected, 0.0, 1e-6));
}

TEST(UnitSphere, LeavesNoCoordinateBeyondTheBox) {
  for (int i = 1; i < 200; ++i) {
    const float far = 0.37F * static_cast<float>(i);
    const at::Tensor unit = normalise_unit_sphere(cloud({far, 0, 0, -far, 0, 0}));
    EXPECT_EQ(unit.abs().max().item<float>(), 1.0F);
    EXPECT_EQ(voxelise(unit, {.grid = 4}).sum().item<float>(), 2.0F);
  }
}

TEST(UnitSphere, MakesZerosOfPointsInOnePlace) {
  EXPECT_TRUE(at::equal(normalise_unit_sphere(cloud({3, 4, 5, 3, 4, 5})), at::zeros({2, 3})));
  EXPECT_EQ(normalise_unit_sphere(at::zeros({0, 3})).numel(), 0);
}

TEST(UnitSphere, KeepsTheLargestFloatsFinite) {
  const float huge = std::numeric_limits<float>::max();
  const at::Tensor unit = normalise_unit_sphere(cloud({huge, huge, huge, -huge, -huge, -huge}));
  EXPECT_NEAR(unit[0][0].item<float>(), std::sqrt(1.0F / 3.0F), 1e-6F);
}

}  // namespace
}  // namespace larkspur::readers
