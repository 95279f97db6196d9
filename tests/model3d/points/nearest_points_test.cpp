// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/nearest_points.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"
#include "tests/support/point_references.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::nearest_reference;
using larkspur::testing::refusal_of;

void expect_nearest(const at::Tensor& points_NP3, std::int64_t k) {
  const at::Tensor nearest = nearest_points(points_NP3, k);
  EXPECT_TRUE(nearest_by_all_pairs(points_NP3, k).equal(nearest));  // as on a GPU
  ASSERT_EQ(
      nearest.sizes(),
      (at::IntArrayRef{points_NP3.size(0), points_NP3.size(1), std::min(k, points_NP3.size(1))}));
  for (std::int64_t n = 0; n < points_NP3.size(0); ++n) {
    const auto expected = nearest_reference(points_NP3[n].to(at::kDouble).contiguous(), k);
    for (std::int64_t p = 0; p < points_NP3.size(1); ++p) {
      EXPECT_TRUE(nearest[n][p].equal(at::tensor(expected[static_cast<std::size_t>(p)], at::kLong)))
          << n << " " << p;
    }
  }
}

// Whole numbers: distances are exact in float32, and many are equal.
TEST(NearestPoints, AreThoseOfPlainLoopsTiesIncluded) {
  expect_nearest((golden_noise("points", {3, 57, 3}) * 4).round(), 8);
}

TEST(NearestPoints, OfManyPointsAreFoundBlockByBlock) {
  expect_nearest((golden_noise("many", {1, 2500, 3}) * 200).round(), 5);
}

TEST(NearestPoints, OfAFewAreAllOfThem) {
  for (const std::int64_t points : {1, 2, 5}) {
    expect_nearest((golden_noise("few", {2, points, 3}) * 9).round(), 32);
  }
}

TEST(NearestPoints, OfRoundedDistancesAreTheSameByBucketsAndByAllPairs) {
  const at::Tensor points = golden_noise("rounded", {2, 600, 3});
  EXPECT_TRUE(nearest_by_all_pairs(points, 16).equal(nearest_points(points, 16)));
}

TEST(NearestPoints, InOnePlaceComeInOrder) { expect_nearest(at::zeros({1, 40, 3}), 32); }

TEST(NearestPoints, RefuseWhatIsNoCloud) {
  using Shape = std::vector<std::int64_t>;
  for (const Shape& shape : {Shape{2, 0, 3}, Shape{2, 5, 4}, Shape{5, 3}}) {
    for (const auto& nearest : {nearest_points, nearest_by_all_pairs}) {
      EXPECT_THAT(refusal_of([&] { nearest(at::zeros(shape), 3); }).text,
                  ::testing::HasSubstr("not [N,P,3] with P > 0"));
    }
  }
  EXPECT_EQ(refusal_of([] {
              nearest_points(at::zeros({1, 2, 3}), 0);
            }).text,
            "[nearest_points] k is 0, not >= 1");
}

}  // namespace
}  // namespace larkspur::model3d
