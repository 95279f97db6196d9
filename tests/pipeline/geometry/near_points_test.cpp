// SPDX-License-Identifier: Apache-2.0
#include "pipeline/geometry/near_points.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/rng.h"

namespace larkspur::pipeline {
namespace {

// Every pair, sorted: what the header promises, without buckets.
std::vector<std::int32_t> all_pairs(const std::vector<float>& points, std::int64_t k) {
  const std::size_t count = points.size() / 3;
  std::vector<std::int32_t> nearest;
  for (std::size_t p = 0; p < count; ++p) {
    std::vector<std::tuple<float, std::int32_t>> others;
    for (std::size_t q = 0; q < count; ++q) {
      const float dx = points[3 * p] - points[3 * q];
      const float dy = points[3 * p + 1] - points[3 * q + 1];
      const float dz = points[3 * p + 2] - points[3 * q + 2];
      others.emplace_back((dx * dx + dy * dy) + dz * dz, static_cast<std::int32_t>(q));
    }
    std::ranges::sort(others);
    for (std::int64_t i = 0; i < k; ++i) {
      nearest.push_back(std::get<1>(others[static_cast<std::size_t>(i)]));
    }
  }
  return nearest;
}

std::vector<std::int32_t> found(const std::vector<float>& points, std::int64_t k) {
  std::vector<std::int32_t> nearest(points.size() / 3 * static_cast<std::size_t>(k));
  near_points(points, k, nearest);
  return nearest;
}

enum class Shape { kBall, kLattice, kSheet, kTwoHeaps, kLine, kStray, kFarStray, kMostInOnePlace };

std::vector<float> cloud_of(Shape shape, std::size_t count) {
  CounterRng rng({count, 0, static_cast<std::uint32_t>(shape), 0}, Purpose::kSynthetic);
  std::vector<float> points;
  for (std::size_t i = 0; i < 3 * count; ++i) {
    const auto any = static_cast<float>(rng.uniform(-1.0, 1.0));
    switch (shape) {
      case Shape::kLattice:  // many equal distances, many points in one place
        points.push_back(static_cast<float>(rng.below(5)));
        break;
      case Shape::kSheet:
        points.push_back(i % 3 == 2 ? 0.25F : any);
        break;
      case Shape::kTwoHeaps:  // nearly all buckets are empty
        points.push_back(0.001F * any + (i / 3 % 2 == 0 ? 7.0F : -7.0F));
        break;
      case Shape::kLine:
        points.push_back(i % 3 == 0 ? any : 0.0F);
        break;
      case Shape::kStray:
        points.push_back(i / 3 == 7 ? 100.0F * any : any);
        break;
      case Shape::kFarStray:  // its squared distances are infinite
        points.push_back(i / 3 == 7 ? 1e30F * any : any);
        break;
      case Shape::kMostInOnePlace:
        points.push_back(i / 3 % 40 == 0 ? any : 0.5F);
        break;
      case Shape::kBall:
        points.push_back(any);
        break;
    }
  }
  return points;
}

TEST(NearPoints, AreThoseOfAllPairsInOrder) {
  for (const Shape shape : {Shape::kBall,
                            Shape::kLattice,
                            Shape::kSheet,
                            Shape::kTwoHeaps,
                            Shape::kLine,
                            Shape::kStray,
                            Shape::kFarStray,
                            Shape::kMostInOnePlace}) {
    for (const std::size_t count : {1UL, 2UL, 17UL, 100UL, 700UL}) {
      for (const std::int64_t k : {1L, 5L, 16L, 90L}) {
        if (k > static_cast<std::int64_t>(count)) continue;
        const auto points = cloud_of(shape, count);
        EXPECT_EQ(found(points, k), all_pairs(points, k))
            << "shape " << static_cast<int>(shape) << ", " << count << " points, k " << k;
      }
    }
  }
}

TEST(NearPoints, AreSoughtAmongFewWhateverOneStrayPointDoes) {
  std::vector<float> points = cloud_of(Shape::kSheet, 20000);
  const auto candidates_a_point = [&] {
    std::vector<std::int32_t> nearest(points.size() / 3 * 16);
    return near_points(points, 16, nearest) / 20000;
  };
  const std::int64_t without = candidates_a_point();
  EXPECT_LT(without, 400);
  for (const float far : {100.0F, -1e6F, 1e30F}) {
    points[30] = points[31] = far;
    EXPECT_LT(candidates_a_point(), 3 * without) << far;
  }
}

TEST(NearPoints, OfPointsInOnePlaceAreTheFirst) {
  EXPECT_EQ(found(std::vector<float>(12, 3.0F), 2),
            (std::vector<std::int32_t>{0, 1, 0, 1, 0, 1, 0, 1}));
}

TEST(NearPoints, RefuseSizesThatDoNotFit) {
  std::vector<std::int32_t> room(4);
  const std::vector<float> two(6);
  EXPECT_THROW(near_points(two, 3, room), Error);
  EXPECT_THROW(near_points(two, 1, room), Error);
  EXPECT_THROW(near_points(std::vector<float>(5), 1, room), Error);
  EXPECT_THROW(near_points({}, 1, room), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
