// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/clip_views.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/plan/protocol.h"

namespace larkspur::pipeline {
namespace {

using ::testing::ElementsAre;
using Numbers = std::vector<std::int64_t>;

// References are written as the systems write them: step by step, with their own roundings.

/// A video of `count` frames whose times are `units` apart.
struct Timed {
  std::int64_t count;
  double rate;
};

constexpr std::int64_t kUnits = 512;

Numbers linspace(double first, double last, std::int64_t count) {
  Numbers whole;
  for (std::int64_t j = 0; j < count; ++j) {
    const double step =
        count == 1 ? 0.0 : static_cast<double>(j) * (last - first) / static_cast<double>(count - 1);
    whole.push_back(static_cast<std::int64_t>(first + step));
  }
  return whole;
}

/// PySlowFast decodes frames by their times, then counts from the first of them.
Numbers slowfast(const Timed& video,
                 std::int64_t k,
                 double n,
                 std::int64_t frames,
                 std::int64_t stride,
                 bool offset) {
  const double clip = std::max(1.0, static_cast<double>(frames * stride) * video.rate / 30.0);
  const double delta = std::max(static_cast<double>(video.count) - clip, 0.0);
  double start = delta * static_cast<double>(k) / n;
  if (offset && n == 1) start = std::floor(delta / 2);
  if (offset && n > 1) start = static_cast<double>(k) * std::floor(delta / (n - 1));
  const double end = start + clip - 1;
  Numbers decoded;
  for (std::int64_t frame = 0; frame < video.count; ++frame) {
    const auto time = static_cast<double>(frame * kUnits);
    if (std::floor(start * kUnits + 1e-6) <= time && time <= std::floor(end * kUnits + 1e-6)) {
      decoded.push_back(frame);
    }
  }
  // Spans below two frames may hold none: theirs gives up there, ours takes the next one.
  if (decoded.empty()) decoded.push_back(static_cast<std::int64_t>(std::ceil(start)));
  Numbers taken;
  for (const std::int64_t j : linspace(0, clip - 1, frames)) {
    taken.push_back(decoded[static_cast<std::size_t>(std::min(j, std::ssize(decoded) - 1))]);
  }
  return taken;
}

Numbers videomae(
    std::int64_t count, std::int64_t k, double n, std::int64_t frames, std::int64_t stride) {
  Numbers all;
  for (std::int64_t frame = 0; frame < count; frame += stride) all.push_back(frame);
  while (std::ssize(all) < frames) all.push_back(all.back());
  const double step = 1.0 * static_cast<double>(std::ssize(all) - frames) / (n - 1);
  const auto first = all.begin() + static_cast<std::int64_t>(static_cast<double>(k) * step);
  return {first, first + frames};
}

Numbers mmaction2(
    std::int64_t count, std::int64_t k, double n, std::int64_t frames, std::int64_t stride) {
  const std::int64_t most = std::max<std::int64_t>(count - ((frames - 1) * stride + 1), 0);
  const double place = static_cast<double>(k) * static_cast<double>(most) / (n - 1);
  const auto start = static_cast<std::int64_t>(std::nearbyint(place));
  Numbers taken;
  for (std::int64_t j = 0; j < frames; ++j) taken.push_back((start + j * stride) % count);
  return taken;
}

Numbers pytorchvideo(
    const Timed& video, std::int64_t k, double n, std::int64_t frames, std::int64_t stride) {
  const double clip = static_cast<double>(frames * stride) / 30.0;
  const double duration = static_cast<double>(video.count) / video.rate;
  const double start = static_cast<double>(k) * std::max(duration - clip, 0.0) / (n - 1);
  Numbers shown;
  for (std::int64_t frame = 0; frame < video.count; ++frame) {
    const double time = static_cast<double>(frame) / video.rate + 1e-10;
    if (time >= start && time < start + clip) shown.push_back(frame);
  }
  if (shown.empty()) {  // a clip shorter than a frame: theirs is an error, ours the next frame
    const auto next = static_cast<std::int64_t>(std::ceil(start * video.rate - 1e-9));
    shown.push_back(std::min(next, video.count - 1));
  }
  Numbers taken;
  for (const std::int64_t j : linspace(0, static_cast<double>(std::ssize(shown) - 1), frames)) {
    taken.push_back(shown[static_cast<std::size_t>(j)]);
  }
  return taken;
}

Numbers frames_of(const std::string& protocol,
                  const Timed& video,
                  std::int64_t clip,
                  const ClipSampling& sampling) {
  const ClipViews& views = find_protocol(protocol).clips;
  const SampleKey key{.view = static_cast<std::uint16_t>(clip * views.crops)};
  return plan_clip_view(sized(views, 112, 0), sampling, {video.count, 340, 256, video.rate}, key)
      .frames;
}

constexpr std::int64_t kCounts[] = {1, 2, 15, 16, 17, 63, 64, 65, 78, 79, 299, 300, 301, 10000};
constexpr ClipSampling kSamplings[] = {{16, 4}, {8, 8}, {32, 2}, {16, 5}, {13, 6}, {4, 12}, {1, 1}};

using Reference = std::function<Numbers(const Timed&, std::int64_t, const ClipSampling&)>;

void expect_as(const std::string& protocol, const Reference& reference) {
  const std::int64_t clips = find_protocol(protocol).clips.clips;
  for (const std::int64_t count : kCounts) {
    for (const double rate : {30.0, 25.0, 60.0, 30000.0 / 1001.0}) {
      for (const ClipSampling& sampling : kSamplings) {
        for (std::int64_t clip = 0; clip < clips; ++clip) {
          ASSERT_EQ(frames_of(protocol, {count, rate}, clip, sampling),
                    reference({count, rate}, clip, sampling))
              << protocol << ", " << count << " frames at " << rate << ", clip " << clip << ", "
              << sampling.frames << "x" << sampling.stride;
        }
      }
    }
  }
}

TEST(ClipViews, TakePySlowFastsFrames) {
  expect_as("slowfast_10x3", [](const Timed& video, std::int64_t k, const ClipSampling& s) {
    return slowfast(video, k, 10, s.frames, s.stride, false);
  });
  expect_as("mvit_5x1", [](const Timed& video, std::int64_t k, const ClipSampling& s) {
    return slowfast(video, k, 5, s.frames, s.stride, true);
  });
}

TEST(ClipViews, TakeVideoMaesFrames) {
  expect_as("videomae_5x3", [](const Timed& video, std::int64_t k, const ClipSampling& s) {
    return videomae(video.count, k, 5, s.frames, s.stride);
  });
}

TEST(ClipViews, TakeMmaction2sFrames) {
  for (const auto& [name, clips] : {std::pair{"mmaction2_10x3", 10}, {"mmaction2_mvit_5x1", 5}}) {
    expect_as(name, [n = clips](const Timed& video, std::int64_t k, const ClipSampling& s) {
      if (s.frames > 1) return mmaction2(video.count, k, n, s.frames, s.stride);
      const double segment = static_cast<double>(video.count) / static_cast<double>(n);
      return Numbers{static_cast<std::int64_t>(static_cast<double>(k) * segment + segment / 2)};
    });
  }
}

TEST(ClipViews, TakePytorchvideosFrames) {
  expect_as("pytorchvideo", [](const Timed& video, std::int64_t k, const ClipSampling& s) {
    return pytorchvideo(video, k, 10, s.frames, s.stride);
  });
}

// Figures of the systems' own code: 300 frames at 30 a second, clips of 16 frames, stride 4.
TEST(ClipViews, StartWhereTheSystemsStart) {
  const auto starts = [](const std::string& protocol) {
    Numbers first;
    for (std::int64_t k = 0; k < find_protocol(protocol).clips.clips; ++k) {
      first.push_back(frames_of(protocol, {300, 30.0}, k, {16, 4}).front());
    }
    return first;
  };
  EXPECT_THAT(starts("slowfast_10x3"), ElementsAre(0, 24, 48, 71, 95, 118, 142, 166, 189, 213));
  EXPECT_THAT(starts("mvit_5x1"), ElementsAre(0, 59, 118, 177, 236));
  EXPECT_THAT(starts("videomae_5x3"), ElementsAre(0, 56, 116, 176, 236));
  EXPECT_THAT(starts("mmaction2_10x3"), ElementsAre(0, 27, 53, 80, 106, 133, 159, 186, 212, 239));
  EXPECT_THAT(frames_of("mvit_5x1", {300, 30.0}, 0, {16, 4}),
              ElementsAre(0, 4, 8, 12, 16, 21, 25, 29, 33, 37, 42, 46, 50, 54, 58, 63));
  // A start between two frames: what is decoded ends one frame before the span does.
  EXPECT_EQ(frames_of("slowfast_10x3", {300, 30.0}, 1, {16, 4}).back(), 86);
}

TEST(ClipViews, RateOfMilliseconds) {
  // 299 intervals of 33 or 34 ms: the container's rate is 30, the average of its times is not.
  const double measured = 299.0 / 9.967;
  EXPECT_EQ(frames_of("slowfast_10x3", {300, measured}, 3, {16, 4}),
            frames_of("slowfast_10x3", {300, 30.0}, 3, {16, 4}));
  EXPECT_EQ(frames_of("slowfast_10x3", {300, 0.0}, 3, {16, 4}),
            frames_of("slowfast_10x3", {300, 30.0}, 3, {16, 4}));
  EXPECT_NE(frames_of("slowfast_10x3", {300, 29.97}, 3, {16, 4}),
            frames_of("slowfast_10x3", {300, 30.0}, 3, {16, 4}));
}

struct PlannedCrops {
  FrameSize resized;
  std::vector<std::pair<std::int64_t, std::int64_t>> starts;  // left, top
};

PlannedCrops crops_of(const std::string& protocol,
                      std::int64_t width,
                      std::int64_t height,
                      std::int64_t eval_size = 0) {
  const ClipViews views = sized(find_protocol(protocol).clips, 112, eval_size);
  PlannedCrops crops;
  for (std::int64_t crop = 0; crop < views.crops; ++crop) {
    const SampleKey key{.view = static_cast<std::uint16_t>(crop)};
    const ClipPlan plan = plan_clip_view(views, {16, 4}, {300, width, height, 30.0}, key);
    EXPECT_EQ(plan.box.width, plan.size);
    EXPECT_EQ(plan.box.height, plan.size);
    EXPECT_LE(plan.box.left + plan.size, plan.resized.width);
    EXPECT_LE(plan.box.top + plan.size, plan.resized.height);
    EXPECT_FALSE(plan.mirror);
    crops.resized = plan.resized;
    crops.starts.emplace_back(plan.box.left, plan.box.top);
  }
  return crops;
}

using Starts = std::vector<std::pair<std::int64_t, std::int64_t>>;

TEST(ClipViews, CropAsTheSystemsCrop) {
  const PlannedCrops slow = crops_of("slowfast_10x3", 1280, 720);
  EXPECT_EQ(slow.resized, (FrameSize{455, 256}));
  EXPECT_EQ(slow.starts, (Starts{{0, 0}, {100, 0}, {199, 0}}));  // ceil(199 / 2)
  // Left, right, middle; the right one ends a pixel before the border.
  EXPECT_EQ(crops_of("mmaction2_10x3", 1280, 720).starts, (Starts{{0, 0}, {198, 0}, {99, 0}}));
  const PlannedCrops mae = crops_of("videomae_5x3", 720, 1281);
  EXPECT_EQ(mae.resized, (FrameSize{224, 398}));
  EXPECT_EQ(mae.starts, (Starts{{0, 0}, {0, 87}, {0, 174}}));
  const PlannedCrops mvit = crops_of("mvit_5x1", 340, 256);
  EXPECT_EQ(mvit.resized, (FrameSize{340, 256}));
  EXPECT_EQ(mvit.starts, (Starts{{58, 16}}));
  EXPECT_EQ(crops_of("mmaction2_mvit_5x1", 340, 256).resized, (FrameSize{298, 224}));  // 297.5
  EXPECT_EQ(crops_of("x3d_l_10", 341, 256).starts, (Starts{{81, 22}}));  // of 474 x 356 to 312
  EXPECT_EQ(crops_of("pytorchvideo", 100, 100).starts, (Starts{{0, 0}, {0, 0}, {0, 0}}));
}

TEST(ClipViews, HaveTheSizeOfTheProtocolOfTheRunOrOfTheEvaluation) {
  const ClipViews center = sized(find_protocol("center").clips, 112, 0);
  EXPECT_EQ(plan_clip_view(center, {}, {30, 320, 241, 30.0}, {}).size, 112);
  EXPECT_EQ(plan_clip_view(center, {}, {30, 320, 241, 30.0}, {}).resized, FrameSize{});
  EXPECT_EQ(sized(find_protocol("center").clips, 112, 64).crop, 64);
  const ClipViews mvit = sized(find_protocol("mvit_5x1").clips, 112, 56);
  EXPECT_EQ(mvit.crop, 56);
  EXPECT_EQ(mvit.short_side, 64);
  EXPECT_EQ(crops_of("slowfast_10x3", 64, 48, 32).resized, (FrameSize{42, 32}));
}

TEST(ClipViews, RefuseAViewThatThereIsNot) {
  const ClipViews views = sized(find_protocol("mvit_5x1").clips, 112, 0);
  EXPECT_THROW((void)plan_clip_view(views, {}, {30, 64, 64, 30.0}, {.view = 5}), Error);
}

TEST(ClipViews, ShuffleFramesInTheControl) {
  const ClipViews views = sized(find_protocol("videomae_5x3").clips, 112, 0);
  const ClipSampling plain{16, 4, 112, false};
  const ClipSampling control{16, 4, 112, true};
  const SampleKey key{.sample = 3, .view = 4};
  Numbers shuffled = plan_clip_view(views, control, {300, 64, 64, 30.0}, key).frames;
  const Numbers sorted = plan_clip_view(views, plain, {300, 64, 64, 30.0}, key).frames;
  EXPECT_NE(shuffled, sorted);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, sorted);
}

}  // namespace
}  // namespace larkspur::pipeline
