// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/farthest_points.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/rng.h"

namespace larkspur::readers {
namespace {

std::vector<std::int64_t> values_of(const at::Tensor& places) {
  const auto* first = places.const_data_ptr<std::int64_t>();
  return {first, first + places.numel()};
}

// `steps` > 0 puts the points on a coarse lattice, so that many distances are equal.
at::Tensor random_cloud(std::int64_t n, std::uint32_t steps) {
  pipeline::CounterRng rng({static_cast<std::uint64_t>(n), 0, steps, 0},
                           pipeline::Purpose::kSynthetic);
  at::Tensor points = at::empty({n, 3}, at::kFloat);
  for (std::int64_t i = 0; i < 3 * n; ++i) {
    points.data_ptr<float>()[i] = steps > 0 ? static_cast<float>(rng.below(steps))
                                            : static_cast<float>(rng.uniform(-1.0, 1.0));
  }
  return points;
}

// Asks every point for its distance to every chosen one, each time anew.
std::vector<std::int64_t> naive(const at::Tensor& points, std::int64_t k, std::int64_t start) {
  const auto p = points.accessor<float, 2>();
  std::vector<std::int64_t> chosen{start};
  while (std::ssize(chosen) < k) {
    float best = -1.0F;
    std::int64_t next = -1;
    for (std::int64_t i = 0; i < points.size(0); ++i) {
      if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
      float nearest = std::numeric_limits<float>::infinity();
      for (const std::int64_t c : chosen) {
        const float dx = p[i][0] - p[c][0];
        const float dy = p[i][1] - p[c][1];
        const float dz = p[i][2] - p[c][2];
        nearest = std::min(nearest, (dx * dx + dy * dy) + dz * dz);
      }
      if (nearest > best) next = i;
      best = std::max(best, nearest);
    }
    chosen.push_back(next);
  }
  return chosen;
}

TEST(FarthestPoints, AgreesWithTheNaiveRule) {
  for (const std::int64_t n : {1, 2, 7, 64, 511, 512, 513, 1300}) {
    const at::Tensor points = random_cloud(n, 0);
    const std::int64_t k = std::min<std::int64_t>(n, 40);
    EXPECT_EQ(values_of(farthest_points(points, k, n / 3)), naive(points, k, n / 3)) << n;
  }
}

TEST(FarthestPoints, TakesTheLowestPlaceOfSeveralEquallyFar) {
  for (const std::int64_t n : {30, 1200}) {
    const at::Tensor points = random_cloud(n, 4);
    EXPECT_EQ(values_of(farthest_points(points, 30, 5)), naive(points, 30, 5)) << n;
  }
}

TEST(FarthestPoints, NeverRepeatsAPlaceAmongEqualPoints) {
  EXPECT_THAT(values_of(farthest_points(at::zeros({5, 3}), 5, 2)),
              ::testing::ElementsAre(2, 0, 1, 3, 4));
}

TEST(FarthestPoints, ReadsPointsOfAnyStrides) {
  const at::Tensor points = random_cloud(50, 0);
  const at::Tensor strided = points.t().contiguous().t();
  EXPECT_EQ(values_of(farthest_points(strided, 20)), values_of(farthest_points(points, 20)));
}

TEST(FarthestPoints, RefusesMoreThanThereAre) {
  const at::Tensor points = at::zeros({4, 3});
  EXPECT_EQ(farthest_points(points, 0).numel(), 0);
  EXPECT_THROW(farthest_points(points, 5), pipeline::Error);
  EXPECT_THROW(farthest_points(points, -1), pipeline::Error);
  EXPECT_THROW(farthest_points(points, 2, 4), pipeline::Error);
  EXPECT_THROW(farthest_points(at::zeros({4, 2}), 2), pipeline::Error);
  EXPECT_THROW(farthest_points(at::zeros({4, 3}, at::kDouble), 2), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::readers
