// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/weight_average.h"

#include <algorithm>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

at::Tensor normal(std::int64_t elements, std::uint64_t seed) {
  return at::randn({elements}, at::make_generator<at::CPUGeneratorImpl>(seed));
}

TEST(WeightAverage, FollowsTheFormulaAndBeginsWithTheFirstUpdate) {
  WeightAverage average(0.6, {{0, 3}}, 2, at::kCPU);
  double expected = -1.0;
  for (std::int64_t update = 1; update <= 40; ++update) {
    const auto value = static_cast<double>(update * update);
    average.add(at::full({3}, value), at::full({2}, -value), update);
    const double decay =
        std::min(0.6, static_cast<double>(update - 1) / static_cast<double>(update + 8));
    expected = decay * expected + (1.0 - decay) * value;
    EXPECT_NEAR(average.weights()[1].item<double>(), expected, 1e-5 * expected) << update;
    EXPECT_NEAR(average.statistics()[1].item<double>(), -expected, 1e-5 * expected) << update;
  }
}

TEST(WeightAverage, BitsDoNotDependOnHowRanksShareTheWeights) {
  constexpr std::int64_t kElements = 3 * 4096 + 37;  // ends within a vector
  WeightAverage whole(0.9, {{0, kElements}}, 0, at::kCPU);
  WeightAverage head(0.9, {{0, 4096}}, 0, at::kCPU);
  WeightAverage tail(0.9, {{4096, 8192}, {8192, kElements}}, 0, at::kCPU);
  for (std::int64_t update = 1; update <= 5; ++update) {
    const at::Tensor values = normal(kElements, static_cast<std::uint64_t>(update));
    for (WeightAverage* one : {&whole, &head, &tail}) one->add(values, {}, update);
  }
  EXPECT_TRUE(at::equal(whole.weights(), at::cat({head.weights(), tail.weights()})));
}

TEST(WeightAverage, NothingIsKeptWithoutADecay) {
  WeightAverage none(0.0, {{0, 100}}, 7, at::kCPU);
  none.add(normal(100, 1), normal(7, 2), 1);
  EXPECT_FALSE(none.is_kept());
  EXPECT_EQ(none.weights().numel() + none.statistics().numel(), 0);
}

TEST(WeightAverage, RefusesADecayThatForgetsNothing) {
  EXPECT_THAT(testing::refusal_of([] { WeightAverage(1.0, {}, 0, at::kCPU); }).text,
              ::testing::HasSubstr("average_decay is 1, not in [0, 1)"));
}

}  // namespace
}  // namespace larkspur::pipeline
