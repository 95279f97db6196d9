// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/depth_views.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/rng.h"

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Purpose;

CounterRng rng_of(std::uint32_t sample) { return {{3, 0, sample, 0}, Purpose::kSynthetic}; }

double uniform(CounterRng& rng) { return rng.below(1U << 24) / static_cast<double>(1U << 24); }

at::Tensor random_points(std::int64_t count, double reach, std::uint32_t sample) {
  CounterRng rng = rng_of(sample);
  at::Tensor points = at::empty({count, 3}, at::kFloat);
  for (std::int64_t i = 0; i < 3 * count; ++i) {
    points.data_ptr<float>()[i] = static_cast<float>((2 * uniform(rng) - 1) * reach);
  }
  return points;
}

at::Tensor sphere(std::int64_t count) {
  CounterRng rng = rng_of(9);
  at::Tensor points = at::empty({count, 3}, at::kFloat);
  auto* to = points.data_ptr<float>();
  for (std::int64_t i = 0; i < count; ++i, to += 3) {
    const double z = 2 * uniform(rng) - 1;
    const double angle = 2 * std::numbers::pi * uniform(rng);
    to[0] = static_cast<float>(std::sqrt(1 - z * z) * std::cos(angle));
    to[1] = static_cast<float>(std::sqrt(1 - z * z) * std::sin(angle));
    to[2] = static_cast<float>(z);
  }
  return points;
}

// Every pixel asks every point, by the three axes as the header has them.
at::Tensor naive(const at::Tensor& points, const DepthViewOptions& of) {
  at::Tensor pictures = at::zeros({of.views, of.channels, of.size, of.size}, at::kFloat);
  auto out = pictures.accessor<float, 4>();
  const auto at = points.accessor<float, 2>();
  const double e = of.elevation * std::numbers::pi / 180;
  for (std::int64_t v = 0; v < of.views; ++v) {
    const double a = 2 * std::numbers::pi * static_cast<double>(v) / static_cast<double>(of.views);
    const std::array<double, 3> d{
        std::cos(e) * std::cos(a), std::cos(e) * std::sin(a), std::sin(e)};
    const std::array<double, 3> r{-std::sin(a), std::cos(a), 0};
    const std::array<double, 3> u{
        -std::sin(e) * std::cos(a), -std::sin(e) * std::sin(a), std::cos(e)};
    for (std::int64_t i = 0; i < points.size(0); ++i) {
      const auto along = [&](const std::array<double, 3>& axis) {
        return axis[0] * at[i][0] + axis[1] * at[i][1] + axis[2] * at[i][2];
      };
      const double depth = std::clamp(along(d), -1.0, 1.0);
      const auto value = static_cast<float>(0.2 + 0.8 * (depth + 1) / 2);
      for (std::int64_t row = 0; row < of.size; ++row) {
        for (std::int64_t column = 0; column < of.size; ++column) {
          const double pixel = 2.0 / static_cast<double>(of.size);
          const double x = along(r) - (-1 + (static_cast<double>(column) + 0.5) * pixel);
          const double y = along(u) - (1 - (static_cast<double>(row) + 0.5) * pixel);
          const bool is_inside = std::abs(x) < pixel / 2 && std::abs(y) < pixel / 2;
          if (x * x + y * y > of.splat * of.splat && !is_inside) continue;
          for (std::int64_t c = 0; c < of.channels; ++c) {
            out[v][c][row][column] = std::max(out[v][c][row][column], value);
          }
        }
      }
    }
  }
  return pictures;
}

TEST(DepthViews, AgreesWithEveryPixelAskingEveryPoint) {
  const std::vector<DepthViewOptions> cases{
      {.views = 5, .elevation = 30, .size = 24, .splat = 0.13, .channels = 1},
      {.views = 1, .elevation = -50, .size = 33, .splat = 0.0, .channels = 3},
      {.views = 2, .elevation = 90, .size = 17, .splat = 0.4, .channels = 1},
      {.views = 3, .elevation = 0, .size = 1, .splat = 0.05, .channels = 1}};
  for (const DepthViewOptions& options : cases) {
    const at::Tensor points = random_points(40, 1.2, 1);  // some outside the picture
    const at::Tensor pictures = depth_views(points, options);
    const std::vector<std::int64_t> sizes{
        options.views, options.channels, options.size, options.size};
    EXPECT_EQ(pictures.sizes(), sizes);
    EXPECT_TRUE(at::allclose(pictures, naive(points, options), 0, 1e-6)) << options.size;
  }
}

TEST(DepthViews, PutsRightUpAndNearWhereTheHeaderSays) {
  // From +x: y to the right, z up.
  const at::Tensor points = at::tensor({0.5F, 0.65F, 0.75F}).reshape({1, 3});
  const at::Tensor picture =
      depth_views(points, {.views = 1, .elevation = 0, .size = 10, .splat = 0});
  EXPECT_EQ(picture.count_nonzero().item<std::int64_t>(), 1);
  EXPECT_NEAR(picture[0][0][1][8].item<float>(), 0.2 + 0.8 * 0.75, 1e-6);
  // From above, with +x at the viewer's bottom: y to the right, -x up.
  const at::Tensor above =
      depth_views(points, {.views = 1, .elevation = 90, .size = 10, .splat = 0});
  EXPECT_NEAR(above[0][0][7][8].item<float>(), 0.2 + 0.8 * 0.875, 1e-6);
}

TEST(DepthViews, KeepsTheNearestAndTellsTheFarthestFromNothing) {
  const at::Tensor points =
      at::tensor({-1.0F, 0.1F, 0.1F, 0.4F, 0.1F, 0.1F, -0.4F, 0.1F, 0.1F}).reshape({3, 3});
  const DepthViewOptions front{.views = 2, .elevation = 0, .size = 8, .splat = 0};
  const at::Tensor pictures = depth_views(points, front);
  EXPECT_NEAR(pictures[0].max().item<float>(), 0.2 + 0.8 * 0.7, 1e-6);
  EXPECT_NEAR(pictures[1].max().item<float>(), 1.0, 1e-6);  // from behind
  EXPECT_NEAR(depth_views(points.narrow(0, 0, 1), front)[0].max().item<float>(), 0.2, 1e-6);
  EXPECT_EQ(depth_views(points.narrow(0, 0, 0), front).count_nonzero().item<std::int64_t>(), 0);
}

// A cube of side 1 shows a square of one depth from each of its six sides.
TEST(DepthViews, ShowsASquareFromEachSideOfACube) {
  CounterRng rng = rng_of(2);
  at::Tensor cube = at::empty({6000, 3}, at::kFloat);
  for (std::int64_t i = 0; i < cube.size(0); ++i) {
    const auto face = static_cast<std::int64_t>(rng.below(6));
    for (std::int64_t k = 0; k < 3; ++k) {
      const double side = face % 2 == 0 ? 0.5 : -0.5;
      const double value = k == face / 2 ? side : uniform(rng) - 0.5;
      cube.data_ptr<float>()[3 * i + k] = static_cast<float>(value);
    }
  }
  const std::int64_t size = 64;
  for (const double elevation : {0.0, 90.0, -90.0}) {
    const at::Tensor pictures =
        depth_views(cube, {.views = 4, .elevation = elevation, .size = size, .splat = 0.05});
    for (std::int64_t v = 0; v < 4; ++v) {
      const at::Tensor inside = pictures[v][0].narrow(0, 17, 30).narrow(1, 17, 30);
      EXPECT_NEAR(inside.min().item<float>(), 0.8F, 1e-4) << elevation << " " << v;
      EXPECT_NEAR(inside.max().item<float>(), 0.8F, 1e-4);
      for (std::int64_t row = 0; row < size; ++row) {  // nothing beyond the splats
        for (std::int64_t column = 0; column < size; ++column) {
          const bool is_out = std::min(row, column) < 14 || std::max(row, column) >= 50;
          const auto value = pictures[v][0][row][column].item<float>();
          ASSERT_TRUE(!is_out || value == 0.0F) << row << " " << column;
        }
      }
    }
  }
}

TEST(DepthViews, TurnsWithTheCloud) {
  const at::Tensor points = random_points(50, 0.7, 3);
  const DepthViewOptions options{.views = 4, .elevation = 20, .size = 48};
  const at::Tensor pictures = depth_views(points, options);
  // A quarter turn about z: x, y -> -y, x. What view v sees, view v + 1 sees of the turned cloud.
  const at::Tensor turned =
      at::stack({-points.select(1, 1), points.select(1, 0), points.select(1, 2)}, 1);
  const at::Tensor rotated = depth_views(turned, options);
  for (std::int64_t v = 0; v < 4; ++v) {
    const at::Tensor difference = (pictures[v] - rotated[(v + 1) % 4]).abs();
    EXPECT_LT(difference.gt(1e-4).sum().item<std::int64_t>(), 3) << v;  // ties on disc borders
  }
}

TEST(DepthViews, ClosesASphereOf1024Points) {
  for (const std::int64_t size : {64, 128, 224}) {
    const at::Tensor pictures = depth_views(sphere(1024), {.views = 6, .size = size});
    std::int64_t inside = 0;
    std::int64_t filled = 0;
    const auto at = pictures.accessor<float, 4>();
    for (std::int64_t row = 0; row < size; ++row) {
      for (std::int64_t column = 0; column < size; ++column) {
        const double half = static_cast<double>(size) / 2;
        const double x = (static_cast<double>(column) + 0.5) / half - 1;
        const double y = (static_cast<double>(row) + 0.5) / half - 1;
        for (std::int64_t v = 0; v < 6 && std::hypot(x, y) < 0.95; ++v) {
          ++inside;
          filled += at[v][0][row][column] > 0 ? 1 : 0;
        }
      }
    }
    EXPECT_GT(static_cast<double>(filled), 0.99 * static_cast<double>(inside)) << size;
  }
}

TEST(DepthViews, RefusesOptionsAndPointsOutOfRange) {
  const at::Tensor points = random_points(4, 1, 4);
  for (const DepthViewOptions& options : std::vector<DepthViewOptions>{{.views = 0},
                                                                       {.views = 65},
                                                                       {.elevation = 91},
                                                                       {.size = 0},
                                                                       {.size = 1025},
                                                                       {.splat = -0.1},
                                                                       {.splat = 1.1},
                                                                       {.channels = 2}}) {
    EXPECT_THROW(depth_views(points, options), pipeline::Error);
  }
  EXPECT_THROW(depth_views(points.narrow(1, 0, 2), {}), pipeline::Error);
  EXPECT_THROW(depth_views(points.to(at::kDouble), {}), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::readers
