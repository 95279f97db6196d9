// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/clip_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/plan/clip_views.h"

namespace larkspur::pipeline {
namespace {

using ::testing::ElementsAre;

SampleKey key_of(std::uint32_t sample) { return {1, 0, sample, 0}; }

/// The view of protocol `center`.
ClipPlan plan_center_clip(const ClipSampling& sampling,
                          const VideoShape& shape,
                          const SampleKey& key) {
  return plan_clip_view(sized({}, sampling.size, 0), sampling, shape, key);
}

TEST(CenterClip, TakesTheMiddleWindowAndTheCentredSquare) {
  const ClipPlan plan = plan_center_clip({4, 5, 112, false}, {30, 320, 241}, key_of(0));
  // The window spans 3 * 5 + 1 = 16 of 30 frames: 14 are left over, 7 on each side.
  EXPECT_THAT(plan.frames, ElementsAre(7, 12, 17, 22));
  EXPECT_EQ(plan.box, (CropBox{39, 0, 241, 241}));
  EXPECT_FALSE(plan.mirror);
}

TEST(CenterClip, RepeatsTheLastFrameOfAShortVideo) {
  EXPECT_THAT(plan_center_clip({4, 2, 8, false}, {5, 8, 8}, key_of(0)).frames,
              ElementsAre(0, 2, 4, 4));
  EXPECT_THAT(plan_center_clip({3, 4, 8, false}, {1, 8, 8}, key_of(0)).frames,
              ElementsAre(0, 0, 0));
}

ClipSampling segments_of(std::int64_t frames) {
  return {.frames = frames, .size = 8, .by = FrameSampling::kSegments};
}

ClipSampling seconds_of(std::int64_t frames, double seconds) {
  return {.frames = frames, .size = 8, .by = FrameSampling::kSeconds, .seconds = seconds};
}

TEST(CenterClip, TakesTheMiddleOfEachSegment) {
  EXPECT_THAT(plan_center_clip(segments_of(4), {20, 8, 8}, key_of(0)).frames,
              ElementsAre(2, 7, 12, 17));
  EXPECT_THAT(plan_center_clip(segments_of(3), {10, 8, 8}, key_of(0)).frames, ElementsAre(1, 5, 8));
  // Fewer frames than segments: some twice, in order, none beyond the end.
  EXPECT_THAT(plan_center_clip(segments_of(5), {2, 8, 8}, key_of(0)).frames,
              ElementsAre(0, 0, 1, 1, 1));
}

TEST(ClipPlan, DrawsEveryFrameOfASegmentEquallyOften) {
  std::map<std::int64_t, int> taken;
  for (std::uint32_t sample = 0; sample < 2000; ++sample) {
    const ClipPlan plan = plan_clip(segments_of(3), {}, {12, 8, 8}, key_of(sample));
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_EQ(plan.frames[i] / 4, static_cast<std::int64_t>(i));
      ++taken[plan.frames[i]];
    }
  }
  ASSERT_EQ(taken.size(), 12U);
  for (const auto& [frame, count] : taken) EXPECT_NEAR(count, 500, 100) << frame;
}

TEST(CenterClip, LastsAsLongInVideosOfAnyRate) {
  // Half a second in four frames: an eighth of a second from one to the next.
  EXPECT_THAT(plan_center_clip(seconds_of(4, 0.5), {30, 8, 8, 8.0}, key_of(0)).frames,
              ElementsAre(13, 14, 15, 16));
  EXPECT_THAT(plan_center_clip(seconds_of(4, 0.5), {100, 8, 8, 24.0}, key_of(0)).frames,
              ElementsAre(45, 48, 51, 54));
  // Every 3.75th frame, rounded, where the rate is 30 or unknown, or 30 by coarse times; at 29.97
  // two steps are less than seven frames and a half.
  EXPECT_THAT(plan_center_clip(seconds_of(4, 0.5), {41, 8, 8, 29.97}, key_of(0)).frames,
              ElementsAre(14, 18, 21, 25));
  EXPECT_THAT(plan_center_clip(seconds_of(4, 0.5), {41, 8, 8, 30.01}, key_of(0)).frames,
              ElementsAre(14, 18, 22, 25));
  EXPECT_THAT(plan_center_clip(seconds_of(4, 0.5), {41, 8, 8}, key_of(0)).frames,
              ElementsAre(14, 18, 22, 25));
  // Slower than the clip asks for: frames are shown more than once; shorter: the last one again.
  EXPECT_THAT(plan_center_clip(seconds_of(4, 0.5), {9, 8, 8, 4.0}, key_of(0)).frames,
              ElementsAre(3, 4, 4, 5));
  EXPECT_THAT(plan_center_clip(seconds_of(4, 4.0), {3, 8, 8, 1.0}, key_of(0)).frames,
              ElementsAre(0, 1, 2, 2));
}

TEST(ClipPlan, StartsAWindowOfSecondsWhereverItFits) {
  std::set<std::int64_t> starts;
  for (std::uint32_t sample = 0; sample < 300; ++sample) {
    const ClipPlan plan = plan_clip(seconds_of(4, 0.5), {}, {12, 8, 8, 16.0}, key_of(sample));
    EXPECT_EQ(plan.frames[3], plan.frames[0] + 6);
    starts.insert(plan.frames[0]);
  }
  EXPECT_THAT(starts, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(ClipPlan, StartsEverywhereAWindowFitsEquallyOften) {
  std::map<std::int64_t, int> starts;
  for (std::uint32_t sample = 0; sample < 4000; ++sample) {
    const ClipPlan plan = plan_clip({3, 2, 8, false}, {}, {12, 8, 8}, key_of(sample));
    EXPECT_EQ(plan.frames[1], plan.frames[0] + 2);
    EXPECT_EQ(plan.frames[2], plan.frames[0] + 4);
    ++starts[plan.frames[0]];
  }
  ASSERT_EQ(starts.size(), 8U);  // frames 0 to 7: the last window is 7, 9, 11
  for (const auto& [start, count] : starts) EXPECT_NEAR(count, 500, 100) << start;
}

TEST(ClipPlan, CropsTheSharesAndRatiosAskedFor) {
  const ClipAugmentation augmentation{0.2, 0.6, 2.0, true};
  int mirrored = 0;
  int wide = 0;
  std::set<std::int64_t> lefts;
  for (std::uint32_t sample = 0; sample < 1000; ++sample) {
    const ClipPlan plan = plan_clip({1, 1, 8, false}, augmentation, {9, 400, 300}, key_of(sample));
    const CropBox& box = plan.box;
    ASSERT_GE(box.left, 0);
    ASSERT_GE(box.top, 0);
    ASSERT_LE(box.left + box.width, 400);
    ASSERT_LE(box.top + box.height, 300);
    const double share = static_cast<double>(box.width * box.height) / (400.0 * 300.0);
    const double ratio = static_cast<double>(box.width) / static_cast<double>(box.height);
    ASSERT_GT(share, 0.2 - 0.01);
    ASSERT_LT(share, 0.6 + 0.01);
    ASSERT_LT(std::abs(std::log(ratio)), std::log(2.0) + 0.02);
    mirrored += plan.mirror ? 1 : 0;
    wide += ratio > 1 ? 1 : 0;
    lefts.insert(box.left);
  }
  EXPECT_NEAR(mirrored, 500, 70);
  EXPECT_NEAR(wide, 500, 100);
  EXPECT_GT(lefts.size(), 100U);
}

TEST(ClipPlan, FallsBackToTheCentredSquareWhereNoCropFits) {
  const ClipPlan plan = plan_clip({1, 1, 8, false}, {}, {9, 400, 300}, key_of(3));
  EXPECT_EQ(plan.box, (CropBox{50, 0, 300, 300}));
  EXPECT_FALSE(plan.mirror);
}

TEST(ClipPlan, IsAFunctionOfItsKey) {
  const ClipAugmentation augmentation{0.2, 1.0, 1.5, true};
  const auto plan = [&](const SampleKey& key) {
    return plan_clip({16, 4, 8, false}, augmentation, {300, 320, 240}, key);
  };
  EXPECT_EQ(plan({1, 2, 3, 0}), plan({1, 2, 3, 0}));
  EXPECT_NE(plan({1, 2, 3, 0}), plan({1, 3, 3, 0}));
  EXPECT_NE(plan({1, 2, 3, 0}), plan({1, 2, 4, 0}));
  EXPECT_NE(plan({1, 2, 3, 0}), plan({1, 2, 3, 1}));
}

TEST(ShuffledClip, HasTheSameFramesInAnOrderOfItsOwn) {
  const ClipSampling plain{6, 1, 8, false};
  const ClipSampling shuffled{6, 1, 8, true};
  std::map<std::int64_t, int> first;
  for (std::uint32_t sample = 0; sample < 3000; ++sample) {
    ClipPlan plan = plan_center_clip(shuffled, {6, 8, 8}, key_of(sample));
    ++first[plan.frames.front()];
    std::sort(plan.frames.begin(), plan.frames.end());
    EXPECT_EQ(plan.frames, plan_center_clip(plain, {6, 8, 8}, key_of(sample)).frames);
  }
  ASSERT_EQ(first.size(), 6U);
  for (const auto& [frame, count] : first) EXPECT_NEAR(count, 500, 100) << frame;
  EXPECT_NE(plan_clip(shuffled, {}, {6, 8, 8}, {1, 0, 0, 0}).frames,
            plan_clip(shuffled, {}, {6, 8, 8}, {1, 1, 0, 0}).frames);
}

TEST(ClipOptions, AreRefusedOutOfRange) {
  EXPECT_THROW((ClipSampling{0, 1, 8, false}.check()), Error);
  EXPECT_THROW((ClipSampling{1, 0, 8, false}.check()), Error);
  EXPECT_THROW((ClipSampling{1, 1, 0, false}.check()), Error);
  EXPECT_THROW((ClipSampling{.by = FrameSampling::kSeconds}.check()), Error);
  EXPECT_THROW((ClipSampling{.by = FrameSampling::kSegments, .seconds = 1.0}.check()), Error);
  EXPECT_THROW((ClipAugmentation{0.0, 1.0, 1.0, false}.check()), Error);
  EXPECT_THROW((ClipAugmentation{0.5, 0.4, 1.0, false}.check()), Error);
  EXPECT_THROW((ClipAugmentation{0.5, 1.1, 1.0, false}.check()), Error);
  EXPECT_THROW((ClipAugmentation{0.5, 1.0, 0.9, false}.check()), Error);
  EXPECT_NO_THROW((ClipAugmentation{0.08, 1.0, 4.0 / 3.0, true}.check()));
}

}  // namespace
}  // namespace larkspur::pipeline
