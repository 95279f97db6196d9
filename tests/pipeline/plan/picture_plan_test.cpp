// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/picture_plan.h"

#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kSamples = 4000;

PicturePlan plan_of(const PictureDistortion& distortion, std::uint32_t sample) {
  return plan_pictures(distortion, 112, {.seed = 7, .epoch = 1, .sample = sample});
}

TEST(PicturePlan, NothingAskedForIsNothingDone) {
  for (std::uint32_t sample = 0; sample < 20; ++sample) {
    EXPECT_EQ(plan_of({}, sample), PicturePlan{});
  }
}

TEST(PicturePlan, OperationsAreDrawnAlikeOftenWithEitherSign) {
  std::array<int, kRandAugmentOps> drawn{};
  int against = 0;
  int rotations = 0;
  std::size_t changes = 0;
  for (std::uint32_t sample = 0; sample < kSamples; ++sample) {
    for (const PictureChange& change : plan_of({.ops = 2, .magnitude = 9}, sample).changes) {
      ++drawn[static_cast<std::size_t>(change.op)];
      ++changes;
      if (change.op != PictureOp::kRotate) continue;
      ++rotations;
      EXPECT_DOUBLE_EQ(std::abs(change.amount), 9.0);
      against += change.amount > 0 ? 1 : 0;
    }
  }
  const double expected = 2.0 * kSamples / kRandAugmentOps;
  EXPECT_NEAR(static_cast<double>(2 * kSamples - changes), expected, 5 * std::sqrt(expected));
  for (std::size_t op = 1; op < drawn.size(); ++op) {
    EXPECT_NEAR(drawn[op], expected, 5 * std::sqrt(expected)) << op;
  }
  EXPECT_NEAR(against, rotations / 2.0, 5 * std::sqrt(rotations / 4.0));
}

/// torchvision's table at magnitude 12 of 31 bins, pictures of 112 pixels.
TEST(PicturePlan, AmountsAreTheTableS) {
  std::array<double, kRandAugmentOps> amounts{};
  for (std::uint32_t sample = 0; sample < 400; ++sample) {
    for (const PictureChange& change : plan_of({.ops = 1, .magnitude = 12}, sample).changes) {
      const bool factor = change.op >= PictureOp::kBrightness && change.op <= PictureOp::kSharpness;
      amounts[static_cast<std::size_t>(change.op)] =
          factor ? std::abs(change.amount - 1) : std::abs(change.amount);
    }
  }
  const std::array<double, kRandAugmentOps> expected{
      0, 0.12, 0.12, 20, 20, 12, 0.36, 0.36, 0.36, 0.36, 6, 153, 0, 0};
  for (std::size_t op = 0; op < expected.size(); ++op) {
    EXPECT_NEAR(amounts[op], expected[op], 1e-9) << op;
  }
}

TEST(PicturePlan, JitterDrawsFactorsInTheirRangeAndTheirOrder) {
  std::array<int, 3> first{};
  for (std::uint32_t sample = 0; sample < 600; ++sample) {
    const auto plan = plan_of({.brightness = 0.4, .contrast = 0.2, .saturation = 0.1}, sample);
    ASSERT_EQ(plan.changes.size(), 3U);
    for (const PictureChange& change : plan.changes) {
      const double range = change.op == PictureOp::kBrightness ? 0.4
                           : change.op == PictureOp::kContrast ? 0.2
                                                               : 0.1;
      EXPECT_LE(std::abs(change.amount - 1), range);
    }
    const PictureOp op = plan.changes.front().op;
    ++first[op == PictureOp::kBrightness ? 0 : op == PictureOp::kContrast ? 1 : 2];
  }
  for (const int count : first) EXPECT_NEAR(count, 200, 60);
  EXPECT_EQ(plan_of({.contrast = 0.2}, 3).changes.size(), 1U);
}

TEST(PicturePlan, TheErasedBoxLiesInsideAndIsNeitherTinyNorLarge) {
  int erased = 0;
  for (std::uint32_t sample = 0; sample < kSamples; ++sample) {
    const CropBox box = plan_of({.erase = 0.25}, sample).erased;
    if (box.width == 0) continue;
    ++erased;
    EXPECT_GE(box.left, 0);
    EXPECT_GE(box.top, 0);
    EXPECT_LE(box.left + box.width, 112);
    EXPECT_LE(box.top + box.height, 112);
    const double share = static_cast<double>(box.width * box.height) / (112.0 * 112.0);
    EXPECT_GT(share, 0.018);
    EXPECT_LT(share, 0.345);
  }
  EXPECT_NEAR(erased, kSamples / 4.0, 5 * std::sqrt(kSamples * 0.25 * 0.75));
}

TEST(PicturePlan, WhatIsOutOfRangeIsRefusedByName) {
  const auto refused = [](const PictureDistortion& distortion) {
    return testing::refusal_of([&] { distortion.check(); }).text;
  };
  EXPECT_THAT(refused({.magnitude = 31}), HasSubstr("magnitude is 31, not in [0, 30]"));
  EXPECT_THAT(refused({.erase = 1.5}), HasSubstr("erase is 1.5, not in [0, 1]"));
}

}  // namespace
}  // namespace larkspur::pipeline
