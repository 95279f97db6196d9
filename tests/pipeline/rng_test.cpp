// SPDX-License-Identifier: Apache-2.0
#include "pipeline/rng.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <set>

#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

using Block = std::array<std::uint32_t, 4>;

// The known-answer vectors that the authors of Philox publish with Random123 (kat_vectors).
TEST(Philox, AgreesWithThePublishedKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(CounterRng, EveryFieldOfTheKeyChangesTheDraw) {
  const SampleKey key{7, 3, 11, 0};
  std::set<std::uint32_t> first{CounterRng(key, Purpose::kAugment).bits()};
  first.insert(CounterRng({8, 3, 11, 0}, Purpose::kAugment).bits());
  first.insert(CounterRng({7, 4, 11, 0}, Purpose::kAugment).bits());
  first.insert(CounterRng({7, 3, 12, 0}, Purpose::kAugment).bits());
  first.insert(CounterRng({7, 3, 11, 1}, Purpose::kAugment).bits());
  first.insert(CounterRng(key, Purpose::kPoints).bits());
  first.insert(CounterRng(key, Purpose::kAugment, 1).bits());
  first.insert(CounterRng({7 + (1ULL << 32), 3, 11, 0}, Purpose::kAugment).bits());
  EXPECT_EQ(first.size(), 8U);
}

TEST(CounterRng, BelowIsUniformOverASmallBound) {
  CounterRng rng({1, 0, 0, 0}, Purpose::kSynthetic);
  std::array<int, 3> seen{};
  for (int i = 0; i < 30000; ++i) ++seen[rng.below(3)];
  for (const int count : seen) EXPECT_NEAR(count, 10000, 350);  // over four standard deviations
}

TEST(CounterRng, NormalHasMeanZeroAndDeviationOne) {
  CounterRng rng({2, 0, 0, 0}, Purpose::kSynthetic);
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < 20000; ++i) {
    const double draw = rng.normal();
    sum += draw;
    squares += draw * draw;
  }
  EXPECT_NEAR(sum / 20000, 0.0, 0.03);
  EXPECT_NEAR(std::sqrt(squares / 20000), 1.0, 0.02);
}

}  // namespace
}  // namespace larkspur::pipeline
