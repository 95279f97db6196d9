// SPDX-License-Identifier: Apache-2.0
#include "readers/video/clip_source.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/float_input.h"
#include "pipeline/plan/protocol.h"
#include "readers/video/video_file.h"
#include "readers/video/video_writer.h"
#include "tests/readers/write_file.h"
#include "tests/support/poisoned_memory.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::SampleKey;
using ::testing::HasSubstr;
using testing::refusal_of;
using testing::write_file;

constexpr std::int64_t kClipFrames = 20;

/// Every pixel of frame n is the grey 10 + 12 n, but for a white left third.
void draw_clip(std::int64_t number, std::span<std::uint8_t> rgb) {
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const bool left = i / 3 % 48 < 16;
    rgb[i] = left ? 255 : static_cast<std::uint8_t>(10 + 12 * number);
  }
}

class ReadClip : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_write_video()) GTEST_SKIP() << "this build cannot write videos";
    VideoFormat format;
    format.width = 48;
    format.height = 32;
    format.frames = kClipFrames;
    write_video(folder_.path() / "grey.mp4", format, draw_clip);
    list_.entries.push_back({"grey.mp4", folder_.path() / "grey.mp4", 3});
  }

  ClipSource source(const ClipSourceOptions& options) const { return {list_, options}; }

  /// Which frame each frame of the clip is, by its grey at the right border.
  static std::vector<std::int64_t> frames(const at::Tensor& clip) {
    std::vector<std::int64_t> numbers;
    const std::int64_t middle = clip.size(2) / 2;
    for (std::int64_t t = 0; t < clip.size(1); ++t) {
      const double red = clip[0][t][middle][clip.size(3) - 1].item<double>() * 0.229 + 0.485;
      numbers.push_back(std::llround((red * 255.0 - 10.0) / 12.0));
    }
    return numbers;
  }

  testing::TempDir folder_;
  SampleList list_;
};

TEST_F(ReadClip, HasTheFramesOfThePlanInTheirOrder) {
  const ClipSource clips = source({.sampling = {5, 3, 24, false}});
  const auto sample = clips.read({.sample = 0});
  ASSERT_TRUE(sample.ok()) << sample.error().what();
  EXPECT_THAT(sample.value().labels, ::testing::ElementsAre(3));
  ASSERT_EQ(sample.value().inputs["clip"].sizes(), (at::IntArrayRef{3, 5, 24, 24}));
  EXPECT_THAT(frames(sample.value().inputs["clip"]), ::testing::ElementsAre(3, 6, 9, 12, 15));
}

// Groups of pixels do not divide the width in which Kinetics-400 is handed round. The clip holds
// the whole of a square frame, so its last columns too.
TEST_F(ReadClip, HasTheSameBitsWhateverWasInMemory) {
  VideoFormat format;
  format.width = 340;
  format.height = 340;
  format.frames = 4;
  const auto path = folder_.path() / "wide.mp4";
  write_video(path, format, [](std::int64_t number, std::span<std::uint8_t> rgb) {
    for (std::size_t i = 0; i < rgb.size(); ++i) {
      rgb[i] = static_cast<std::uint8_t>((i * i / 7 + 40 * static_cast<std::size_t>(number)) >> 4);
    }
  });
  SampleList list;
  list.entries.push_back({"wide.mp4", path, 0});
  const ClipSource clips(list, {.sampling = {4, 1, 112, false}});
  at::Tensor first;
  for (const int poison : {0xA5, 0x5A}) {
    const testing::PoisonedMemory poisoned(poison);
    const at::Tensor clip = clips.read({.sample = 0}).value().inputs.only();
    EXPECT_TRUE(!first.defined() || first.equal(clip));
    first = clip;
  }
}

TEST_F(ReadClip, InTrainingFollowsThePlanOfTheKey) {
  ClipSourceOptions options;
  options.sampling = {4, 2, 24, true};
  options.training = true;
  const ClipSource clips = source(options);
  for (std::uint32_t epoch = 0; epoch < 8; ++epoch) {
    const SampleKey key{5, epoch, 0, 0};
    const auto plan = pipeline::plan_clip(options.sampling, {}, {kClipFrames, 48, 32}, key);
    EXPECT_EQ(frames(clips.read(key).value().inputs["clip"]), plan.frames);
  }
}

TEST_F(ReadClip, RepeatsTheLastFrameOfAShortVideo) {
  const ClipSource clips = source({.sampling = {6, 7, 24, false}});
  EXPECT_THAT(frames(clips.read({.sample = 0}).value().inputs["clip"]),
              ::testing::ElementsAre(0, 7, 14, 19, 19, 19));
}

TEST_F(ReadClip, CropsTheCentreAndMirrorsInTraining) {
  // The centred square starts at pixel 8: its left quarter is white, mirrored its right one.
  const auto white_at = [](const at::Tensor& clip, std::int64_t x) {
    return clip[1][0][16][x].item<double>() * 0.224 + 0.456 > 0.97;
  };
  const at::Tensor plain =
      source({.sampling = {1, 1, 32, false}}).read({.sample = 0}).value().inputs["clip"];
  EXPECT_TRUE(white_at(plain, 3));
  EXPECT_FALSE(white_at(plain, 12));
  ClipSourceOptions options;
  options.sampling = {1, 1, 32, false};
  options.training = true;
  options.augmentation.mirror = true;
  const ClipSource clips = source(options);
  int mirrored = 0;
  for (std::uint32_t epoch = 0; epoch < 20; ++epoch) {
    const at::Tensor clip = clips.read({1, epoch, 0, 0}).value().inputs["clip"];
    EXPECT_NE(white_at(clip, 3), white_at(clip, 28));
    mirrored += white_at(clip, 28) ? 1 : 0;
  }
  EXPECT_GT(mirrored, 0);
  EXPECT_LT(mirrored, 20);
}

/// Keys of the views of sample 0.
std::vector<SampleKey> views_of(std::int64_t count) {
  std::vector<SampleKey> keys(static_cast<std::size_t>(count));
  for (std::size_t v = 0; v < keys.size(); ++v) keys[v].view = static_cast<std::uint16_t>(v);
  return keys;
}

TEST_F(ReadClip, GivesEveryViewOfAProtocolAsItsPlanSays) {
  ClipSourceOptions options;
  options.sampling = {5, 3, 24, false};
  options.eval_views = pipeline::sized(pipeline::find_protocol("slowfast_10x3").clips, 24, 24);
  const ClipSource clips = source(options);
  const auto keys = views_of(30);
  const auto planned = clips.plan_views(keys).value();
  EXPECT_EQ(planned.shape.frames, kClipFrames);
  EXPECT_EQ(planned.shape.frames_per_second, 16.0);
  const auto views = clips.read_views(keys).value();
  ASSERT_EQ(views.size(), 30U);
  for (std::size_t v = 0; v < views.size(); ++v) {
    const at::Tensor& clip = views[v].inputs["clip"];
    ASSERT_EQ(clip.sizes(), (at::IntArrayRef{3, 5, 24, 24}));
    EXPECT_EQ(frames(clip), planned.plans[v].frames) << v;
    // The frame is resized to 36 x 24, its left third white: 12 columns of the left crop, 6 of the
    // middle one, none of the right one.
    const std::int64_t white = 12 - std::min<std::int64_t>(12, planned.plans[v].box.left);
    EXPECT_EQ(white, v % 3 == 0 ? 12 : v % 3 == 1 ? 6 : 0);
    const double middle = white > 2 ? clip[0][0][12][white - 3].item<double>() : 2.2;
    EXPECT_GT(middle, 2.1) << v;
    EXPECT_TRUE(clips.read(keys[v]).value().inputs["clip"].equal(clip)) << v;
  }
}

TEST_F(ReadClip, HasTheSameValuesInFewerBytes) {
  for (const bool training : {false, true}) {
    ClipSourceOptions options{.sampling = {5, 3, 24, false}, .training = training};
    options.augmentation = {0.3, 0.9, 1.3, true};
    const at::Tensor wide = source(options).read({.seed = 3, .sample = 0}).value().inputs.only();
    options.pixels = at::kByte;
    const at::Tensor bytes = source(options).read({.seed = 3, .sample = 0}).value().inputs.only();
    EXPECT_EQ(bytes.scalar_type(), at::kByte);
    EXPECT_TRUE(at::equal(pipeline::float_input(bytes.unsqueeze(0))[0], wide));
    options.pixels = at::kBFloat16;
    const at::Tensor half = source(options).read({.seed = 3, .sample = 0}).value().inputs.only();
    EXPECT_TRUE(at::equal(half, wide.to(at::kBFloat16)));
  }
}

TEST_F(ReadClip, RefusesToResizeAStripWhole) {
  VideoFormat format;
  format.width = 1600;
  format.height = 16;
  format.frames = 2;
  write_video(folder_.path() / "strip.mp4", format, [](std::int64_t, std::span<std::uint8_t> rgb) {
    std::ranges::fill(rgb, std::uint8_t{9});
  });
  list_.entries.push_back({"strip.mp4", folder_.path() / "strip.mp4", 0});
  ClipSourceOptions options{.sampling = {2, 1, 24, false}};
  EXPECT_TRUE(source(options).read({.sample = 1}).ok());
  options.eval_views = pipeline::sized(pipeline::find_protocol("mvit_5x1").clips, 24, 24);
  const auto refused = source(options).read({.sample = 1});
  ASSERT_FALSE(refused.ok());
  EXPECT_STREQ(refused.error().what(),
               "strip.mp4: frames of 1600x16 are too narrow to be resized whole");
}

TEST_F(ReadClip, IsTheSameInAnyThread) {
  const ClipSource clips = source({.sampling = {4, 2, 24, false}});
  const at::Tensor here = clips.read({.sample = 0}).value().inputs["clip"];
  std::vector<std::thread> threads;
  std::array<bool, 4> same{};
  for (bool& mine : same) {
    threads.emplace_back(
        [&] { mine = clips.read({.sample = 0}).value().inputs["clip"].equal(here); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(same, ::testing::Each(true));
}

TEST_F(ReadClip, NamesTheFileThatCannotBeUsed) {
  write_file(folder_.path() / "empty.mp4", "");
  write_file(folder_.path() / "text.mp4", "not a video, but long enough to be looked into\n");
  list_.entries.push_back({"gone.mp4", folder_.path() / "gone.mp4", 0});
  list_.entries.push_back({"empty.mp4", folder_.path() / "empty.mp4", 0});
  list_.entries.push_back({"text.mp4", folder_.path() / "text.mp4", 0});
  const ClipSource clips = source({});
  for (std::uint32_t id = 1; id < 4; ++id) {
    const auto read = clips.read({.sample = id});
    ASSERT_FALSE(read.ok());
    EXPECT_THAT(read.error().what(), HasSubstr(list_.entries[id].name));
  }
  EXPECT_EQ(clips.read({.sample = 1}).error().code(), Errc::kNotFound);
}

TEST_F(ReadClip, RefusesOptionsAndSamplesOutOfRange) {
  EXPECT_THAT(refusal_of([&] {
                source({.sampling = {0, 1, 8, false}});
              }).text,
              HasSubstr("frames is 0"));
  EXPECT_THAT(refusal_of([&] { ClipSource(SampleList{}, {}); }).text, HasSubstr("0 samples"));
  EXPECT_THAT(refusal_of([&] { static_cast<void>(source({}).read({.sample = 9})); }).text,
              HasSubstr("sample 9 of 1"));
}

}  // namespace
}  // namespace larkspur::readers
