// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/epoch_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::pipeline {
namespace {

std::vector<std::int64_t> whole_order(std::int64_t samples,
                                      std::uint64_t seed,
                                      std::uint32_t epoch) {
  const EpochOrder order(samples, seed, epoch);
  std::vector<std::int64_t> found;
  for (std::int64_t position = 0; position < samples; ++position) found.push_back(order(position));
  return found;
}

class EpochOrderSizes : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(EpochOrderSizes, VisitsEverySampleOnce) {
  std::vector<std::int64_t> found = whole_order(GetParam(), 5, 2);
  std::sort(found.begin(), found.end());
  std::vector<std::int64_t> expected(found.size());
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(found, expected);
}

INSTANTIATE_TEST_SUITE_P(Sizes,
                         EpochOrderSizes,
                         ::testing::Values(1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1200, 9843, 65537));

TEST(EpochOrder, SeedsAndEpochsGiveOtherOrders) {
  EXPECT_NE(whole_order(200, 1, 0), whole_order(200, 1, 1));
  EXPECT_NE(whole_order(200, 1, 0), whole_order(200, 2, 0));
  EXPECT_EQ(whole_order(200, 1, 7), whole_order(200, 1, 7));
}

// Where sample 0 lands over many epochs: uniform over 10 positions, by a chi-square bound of
// 9 degrees of freedom at 27.9 (probability 0.001).
TEST(EpochOrder, PutsASampleAnywhereWithEqualChance) {
  std::vector<int> landed(10, 0);
  for (std::uint32_t epoch = 0; epoch < 5000; ++epoch) ++landed[EpochOrder(10, 3, epoch)(0)];
  double chi_square = 0.0;
  for (const int count : landed) chi_square += (count - 500.0) * (count - 500.0) / 500.0;
  EXPECT_LT(chi_square, 27.9);
}

// Neighbours in the list should not stay neighbours: the mean distance of a random pair is n / 3.
TEST(EpochOrder, SeparatesNeighbours) {
  const std::vector<std::int64_t> order = whole_order(3000, 11, 0);
  double distance = 0.0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    distance += static_cast<double>(std::abs(order[i] - order[i - 1]));
  }
  EXPECT_NEAR(distance / 2999.0, 1000.0, 60.0);
}

TEST(EpochOrder, RefusesAnEmptyList) { EXPECT_THROW(EpochOrder(0, 1, 0), Error); }

TEST(StepShape, GivesEachLaneItsOwnConsecutivePositions) {
  const StepShape shape{100, 24, 4};
  EXPECT_EQ(shape.lane_samples(), 6);
  EXPECT_EQ(shape.steps_per_epoch(), 4);
  EXPECT_EQ(shape.first_position(0, 0), 0);
  EXPECT_EQ(shape.first_position(0, 3), 18);
  EXPECT_EQ(shape.first_position(1, 0), 24);
  EXPECT_EQ(shape.first_position(4, 1), 6);  // the next epoch begins again
  EXPECT_EQ(shape.epoch_of(4), 1);
}

TEST(StepShape, OfSeveralViewsASampleHasFewerSamplesAStep) {
  const StepShape shape{100, 24, 4, 3};
  EXPECT_EQ(shape.step_samples(), 8);
  EXPECT_EQ(shape.lane_samples(), 2);
  EXPECT_EQ(shape.steps_per_epoch(), 12);
  EXPECT_EQ(shape.first_position(1, 3), 14);
}

}  // namespace
}  // namespace larkspur::pipeline
