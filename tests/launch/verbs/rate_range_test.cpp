// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/rate_range.h"

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

/// The whole sweep over a network whose loss at a rate is known.
RateCurve curve_of(const std::function<double(double)>& loss) {
  RateCurve curve;
  for (std::int64_t step = 0; step < kRatesTried.steps; ++step) {
    pipeline::StepMetrics metrics;
    metrics.learning_rate = kRatesTried.at(step);
    metrics.loss = loss(metrics.learning_rate);
    curve.add(metrics);
    if (curve.has_diverged()) break;
  }
  return curve;
}

TEST(RateCurve, IsAMeanOfTheStepsSoFarInWhichOlderOnesFade) {
  const RateCurve curve = curve_of([](double rate) { return rate < 2e-6 ? 1.0 : 2.0; });
  EXPECT_DOUBLE_EQ(curve.points()[5].loss, 1.0);
  // Six steps of 1 (1e-6 * 10^(5 i / 99) < 2e-6 for i < 6), then one of 2.
  const double older = (1.0 - std::pow(0.9, 6)) / 0.1;
  EXPECT_NEAR(curve.points()[6].loss, (0.9 * older + 2.0) / (0.9 * older + 1.0), 1e-12);
}

TEST(RateCurve, IsLowestInTheValleyAndEndsWhereItClimbs) {
  // A valley at 1e-3, where the loss is 1; from 1e-2 on it climbs steeply.
  const RateCurve curve = curve_of([](double rate) {
    const double decades = std::log10(rate / 1e-3);
    return rate < 1e-2 ? 1.0 + 0.1 * decades * decades : 20.0;
  });
  EXPECT_TRUE(curve.has_fallen());
  // The mean lags some steps, of 20 a decade, behind.
  EXPECT_GT(*curve.last_good_rate(), 1e-3);
  EXPECT_LT(*curve.last_good_rate(), 3e-3);
  EXPECT_TRUE(curve.rises_behind(*curve.last_good_rate()));
  EXPECT_TRUE(curve.has_diverged());
  EXPECT_LT(curve.points().back().rate, 2e-2);  // not gone on with
}

TEST(RateCurve, SaysWhereALossThatHardlyFellBeginsToRise) {
  // Batches differ by 0.1 one way or the other; behind 1e-3 it is more than that.
  int batch = 0;
  const RateCurve curve = curve_of([&](double rate) {
    const double noise = ++batch % 4 < 2 ? 0.1 : -0.1;
    return 2.0 + noise + (rate < 1e-3 ? 0.0 : 100.0 * rate);
  });
  EXPECT_FALSE(curve.has_fallen());
  EXPECT_GT(*curve.last_good_rate(), 0.9e-3);
  EXPECT_LT(*curve.last_good_rate(), 3e-3);
}

TEST(RateCurve, TellsNothingOfTwentySteps) {
  RateCurve curve;
  EXPECT_FALSE(curve.last_good_rate());
  for (int step = 0; step < 20; ++step) {
    curve.add({.loss = 1.0 - 0.01 * step, .learning_rate = 1e-6});
  }
  EXPECT_FALSE(curve.last_good_rate());
  EXPECT_FALSE(curve.has_fallen());
  EXPECT_FALSE(curve.has_diverged());
  curve.add({.loss = 0.1, .learning_rate = 2e-6});
  EXPECT_EQ(curve.last_good_rate(), 2e-6);
}

TEST(RateCurve, LeavesOutWhatIsNoLoss) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const RateCurve curve = curve_of([&](double rate) { return rate < 1e-3 ? 1e-6 / rate : none; });
  EXPECT_FALSE(curve.has_diverged());
  EXPECT_LT(curve.points().back().rate, 1e-3);
  EXPECT_EQ(curve.last_good_rate(), curve.points().back().rate);
  EXPECT_FALSE(curve.rises_behind(*curve.last_good_rate()));
}

}  // namespace
}  // namespace larkspur::launch
