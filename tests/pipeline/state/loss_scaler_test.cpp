// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/loss_scaler.h"

#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::refusal_of;

constexpr Precision kHalf = Precision::kFloat16;

void take(LossScaler& scaler, int good_steps) {
  for (int i = 0; i < good_steps; ++i) scaler.count_good(kHalf);
}

TEST(LossScaler, BeginsAt65536AndDoublesAfter2000GoodSteps) {
  LossScaler scaler;
  EXPECT_EQ(scaler.scale(), 65536.0);
  take(scaler, 1999);
  EXPECT_EQ(scaler.scale(), 65536.0);
  take(scaler, 1);
  EXPECT_EQ(scaler.scale(), 131072.0);
  take(scaler, 2000);
  EXPECT_EQ(scaler.scale(), 262144.0);
  EXPECT_EQ(scaler.skipped(), 0);
}

TEST(LossScaler, HalvesAtAnOverflowAndCountsGoodStepsAnew) {
  LossScaler scaler;
  take(scaler, 1999);
  scaler.skip(kHalf, 2000, 1.0);
  EXPECT_EQ(scaler.scale(), 32768.0);
  EXPECT_EQ(scaler.skipped(), 1);
  take(scaler, 1999);
  EXPECT_EQ(scaler.scale(), 32768.0);
  take(scaler, 1);
  EXPECT_EQ(scaler.scale(), 65536.0);
}

TEST(LossScaler, HasAFloorAtWhichNothingMaySkipAndACeiling) {
  LossScaler scaler;
  for (int step = 1; step <= 16; ++step) scaler.skip(kHalf, step, 1.0);
  EXPECT_EQ(scaler.scale(), 1.0);
  const LossScaler before = scaler;
  const auto refusal = refusal_of([&] { scaler.skip(kHalf, 17, 2.5); });
  EXPECT_EQ(refusal.code, "invalid argument");
  EXPECT_EQ(refusal.text,
            "the gradient of step 17 is not finite (loss 2.5): lower train.learning_rate or set "
            "train.clip_norm");
  EXPECT_EQ(scaler, before);
  LossScaler high(16777216.0, 0, 0);
  take(high, 5000);
  EXPECT_EQ(high.scale(), 16777216.0);
}

TEST(LossScaler, HasNothingToDoInOtherPrecisions) {
  LossScaler scaler;
  EXPECT_EQ(scaler.scale_in(Precision::kFloat16), 65536.0);
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16}) {
    EXPECT_EQ(scaler.scale_in(precision), 1.0);
    scaler.count_good(precision);
    EXPECT_THROW(scaler.skip(precision, 1, 1.0), Error);
    EXPECT_EQ(scaler, LossScaler());
  }
}

TEST(LossScaler, RefusesWhatNoRunCanHaveLeft) {
  EXPECT_NO_THROW(LossScaler(4.0, 1999, 30));
  EXPECT_THROW(LossScaler(0.5, 0, 0), Error);
  EXPECT_THROW(LossScaler(3.0, 0, 0), Error);
  EXPECT_THROW(LossScaler(33554432.0, 0, 0), Error);
  EXPECT_THROW(LossScaler(4.0, 2000, 0), Error);
  EXPECT_THROW(LossScaler(4.0, -1, 0), Error);
  EXPECT_THROW(LossScaler(4.0, 0, -1), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
