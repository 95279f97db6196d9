// SPDX-License-Identifier: Apache-2.0
#include "readers/video/stream_windows.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/image_statistics.h"
#include "tests/support/refusal.h"

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t kSide = 8;

/// Frames that are grey as their number says, a quarter of a second apart.
class GreyStream {
 public:
  StreamFrame next() {
    pixels_.assign(kSide * kSide * 3, static_cast<std::uint8_t>(number_));
    const StreamFrame frame{
        number_, 0.25 * static_cast<double>(number_), {pixels_.data(), kSide * 3, kSide, kSide}};
    ++number_;
    return frame;
  }

 private:
  std::vector<std::uint8_t> pixels_;
  std::int64_t number_ = 0;
};

/// Which frames a clip is made of, by the grey of each.
Numbers numbers_in(const pipeline::Sample& view) {
  Numbers numbers;
  const at::Tensor& clip_CTHW = view.inputs["clip"];
  for (std::int64_t t = 0; t < clip_CTHW.size(1); ++t) {
    const auto value = clip_CTHW[0][t][0][0].item<float>();
    numbers.push_back(std::lround(
        255.0F * (value * pipeline::kImageDeviation<float>[0] + pipeline::kImageMean<float>[0])));
  }
  return numbers;
}

/// Frames of every window of a stream of `count` frames, clips one after the other.
std::vector<Numbers> windows_of(const WindowOptions& options, std::int64_t count) {
  GreyStream stream;
  StreamWindows windows(options);
  std::vector<Numbers> all;
  const auto take = [&](const std::optional<StreamWindow>& window) {
    if (!window) return;
    EXPECT_EQ(window->index, std::ssize(all));
    EXPECT_EQ(window->first_frame, window->index * options.hop);
    EXPECT_DOUBLE_EQ(*window->first_seconds, 0.25 * static_cast<double>(window->first_frame));
    EXPECT_DOUBLE_EQ(*window->last_seconds,
                     0.25 * static_cast<double>(window->first_frame + window->frames - 1));
    Numbers numbers;
    for (const pipeline::Sample& view : window->views) {
      const Numbers more = numbers_in(view);
      numbers.insert(numbers.end(), more.begin(), more.end());
    }
    all.push_back(numbers);
  };
  for (std::int64_t i = 0; i < count; ++i) take(windows.add(stream.next()));
  take(windows.finish());
  return all;
}

WindowOptions options_of(std::int64_t frames, std::int64_t stride) {
  WindowOptions options;
  options.sampling = {frames, stride, kSide};
  options.views = pipeline::sized({}, kSide, 0);
  options.length = clip_span(options.sampling);
  options.hop = options.length;
  return options;
}

TEST(StreamWindows, SlideByTheirHop) {
  WindowOptions options = options_of(3, 2);
  EXPECT_EQ(options.length, 5);
  EXPECT_THAT(windows_of(options, 10), ElementsAre(Numbers{0, 2, 4}, Numbers{5, 7, 9}));
  options.hop = 2;
  EXPECT_THAT(windows_of(options, 9),
              ElementsAre(Numbers{0, 2, 4}, Numbers{2, 4, 6}, Numbers{4, 6, 8}));
  options.hop = 7;  // frames between windows are looked at by none
  EXPECT_THAT(windows_of(options, 12), ElementsAre(Numbers{0, 2, 4}, Numbers{7, 9, 11}));
  options.hop = 1;
  const auto every = windows_of(options, 200);
  ASSERT_EQ(every.size(), 196U);
  EXPECT_EQ(every.back(), (Numbers{195, 197, 199}));
}

TEST(StreamWindows, TheLastOneIsFilledUpWithTheLastFrame) {
  WindowOptions options = options_of(3, 2);
  EXPECT_THAT(windows_of(options, 8), ElementsAre(Numbers{0, 2, 4}, Numbers{5, 7, 7}));
  EXPECT_THAT(windows_of(options, 3), ElementsAre(Numbers{0, 2, 2}));
  EXPECT_THAT(windows_of(options, 5), ElementsAre(Numbers{0, 2, 4}));
  EXPECT_THAT(windows_of(options, 0), ElementsAre());
  options.hop = 2;
  EXPECT_THAT(windows_of(options, 6), ElementsAre(Numbers{0, 2, 4}, Numbers{2, 4, 5}));
  options.hop = 7;  // nobody looks at frames 5 and 6, and the next window has not begun
  EXPECT_THAT(windows_of(options, 7), ElementsAre(Numbers{0, 2, 4}));
}

TEST(StreamWindows, AreLookedAtAsFilesOfTheirLengthAre) {
  WindowOptions options = options_of(3, 2);
  options.length = 9;  // the middle of nine frames
  options.hop = 4;
  EXPECT_THAT(windows_of(options, 13), ElementsAre(Numbers{2, 4, 6}, Numbers{6, 8, 10}));
  options.sampling.by = pipeline::FrameSampling::kSegments;
  EXPECT_THAT(windows_of(options, 13), ElementsAre(Numbers{1, 4, 7}, Numbers{5, 8, 11}));
  options.sampling.by = pipeline::FrameSampling::kStride;
  options.views.places = pipeline::ClipPlaces::kStrided;
  options.views.clips = 2;  // 0 2 4 6 8, and of those the first three and the last three
  EXPECT_THAT(windows_of(options, 13),
              ElementsAre(Numbers{0, 2, 4, 4, 6, 8}, Numbers{4, 6, 8, 8, 10, 12}));
}

TEST(StreamWindows, PicturesAreWindowsOfOneFrame) {
  WindowOptions options = options_of(1, 4);
  options.product = ClipProduct::kImage;
  GreyStream stream;
  StreamWindows windows(options);
  const auto window = windows.add(stream.next());
  ASSERT_TRUE(window);
  EXPECT_EQ(window->views.front().inputs["image"].sizes(), (at::IntArrayRef{3, kSide, kSide}));
}

TEST(StreamWindows, RefuseToKeepMoreThanTheirBound) {
  WindowOptions options = options_of(16, 1000);
  options.sampling.size = 224;
  options.views = pipeline::sized({}, 224, 0);
  options.hop = 1;
  GreyStream stream;
  StreamWindows windows(options);
  EXPECT_THAT(testing::refusal_of([&] { windows.add(stream.next()); }).text,
              HasSubstr("windows of 15001 frames every 1 keep 15001 frames, 2153 MiB"));
  options.hop = 1000;
  StreamWindows fewer(options);
  fewer.add(stream.next());
  options.hop = 0;
  EXPECT_EQ(testing::refusal_of([&] { const StreamWindows none(options); }).code,
            "invalid argument");
}

}  // namespace
}  // namespace larkspur::readers
