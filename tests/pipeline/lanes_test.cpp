// SPDX-License-Identifier: Apache-2.0
#include "pipeline/lanes.h"

#include <limits>

#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

TEST(Lanes, PowersOfTwoArePositive) {
  for (const std::int64_t power : {1, 2, 4, 1024}) EXPECT_TRUE(is_power_of_two(power)) << power;
  for (const std::int64_t other : {0, 3, 6, 1023, -1, -2, -4}) {
    EXPECT_FALSE(is_power_of_two(other)) << other;
  }
  EXPECT_FALSE(is_power_of_two(std::numeric_limits<std::int64_t>::min()));
}

TEST(Lanes, RanksHoldConsecutiveOnesAndAllOfThem) {
  for (const int ranks : {1, 2, 3, 5, 8}) {
    int next = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const Lanes mine = lanes_of_rank(rank, ranks, 8);
      EXPECT_EQ(mine.first, next);
      EXPECT_GE(mine.count, 1);
      next += mine.count;
    }
    EXPECT_EQ(next, 8);
  }
}

}  // namespace
}  // namespace larkspur::pipeline
