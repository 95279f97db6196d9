// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_writer.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/video/video_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using larkspur::testing::contents_of;
using ::testing::HasSubstr;
using testing::refusal_of;

constexpr std::int64_t kWidth = 48;
constexpr std::int64_t kHeight = 32;
constexpr std::int64_t kWrittenFrames = 12;

/// A square that wanders over a slope of colours; textured, so that quantising matters.
void draw_square(std::int64_t number, std::span<std::uint8_t> rgb) {
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      const bool inside = std::abs(x - 4 - 3 * number) < 5 && std::abs(y - 16) < 6;
      std::uint8_t* pixel = rgb.data() + 3 * (y * kWidth + x);
      pixel[0] = static_cast<std::uint8_t>(inside ? 230 : 3 * x + (x * y) % 9);
      pixel[1] = static_cast<std::uint8_t>(inside ? 40 : 5 * y);
      pixel[2] = static_cast<std::uint8_t>(90 + number);
    }
  }
}

VideoFormat format() {
  VideoFormat format;
  format.width = kWidth;
  format.height = kHeight;
  format.frames = kWrittenFrames;
  return format;
}

class WriteVideo : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_write_video()) GTEST_SKIP() << "this build cannot write videos";
  }

  /// What our reader sees: uint8 [frames][height][width][3]; empty where it cannot read videos.
  std::string decoded(const std::filesystem::path& path) const {
    const auto video = VideoFile::open(path);
    if (!video && video.error().code() == pipeline::Errc::kUnsupported) return "";
    std::string pixels;
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(video.value()->frames()));
    std::iota(numbers.begin(), numbers.end(), 0);
    const auto take = [&](std::int64_t, const RgbFrame& frame) {
      for (std::int64_t row = 0; row < frame.height; ++row) {
        pixels.append(reinterpret_cast<const char*>(frame.rgb + row * frame.row_bytes),
                      static_cast<std::size_t>(3 * frame.width));
      }
    };
    EXPECT_TRUE(video.value()->read(numbers, take).ok());
    return pixels;
  }

  testing::TempDir dir_;
};

TEST_F(WriteVideo, TheSameFramesGiveTheSameBytes) {
  write_video(dir_.path() / "a.mp4", format(), draw_square);
  write_video(dir_.path() / "b.mp4", format(), draw_square);
  EXPECT_GT(contents_of(dir_.path() / "a.mp4").size(), 1000U);
  EXPECT_EQ(contents_of(dir_.path() / "a.mp4"), contents_of(dir_.path() / "b.mp4"));
}

TEST_F(WriteVideo, TheReaderSeesTheFrames) {
  VideoFormat fine = format();
  fine.quantiser = 10;
  write_video(dir_.path() / "a.mp4", fine, draw_square);
  const std::string seen = decoded(dir_.path() / "a.mp4");
  if (seen.empty()) GTEST_SKIP() << "this build cannot read videos";
  std::vector<std::uint8_t> rgb(3 * kWidth * kHeight);
  ASSERT_EQ(seen.size(), kWrittenFrames * rgb.size());
  for (std::int64_t number = 0; number < kWrittenFrames; ++number) {
    draw_square(number, rgb);
    double squares = 0.0;
    for (std::size_t i = 0; i < rgb.size(); ++i) {
      const double gap = static_cast<std::uint8_t>(seen[number * rgb.size() + i]) - rgb[i];
      squares += gap * gap;
    }
    // Chroma at half the resolution is most of it.
    EXPECT_LT(std::sqrt(squares / static_cast<double>(rgb.size())), 16.0) << number;
  }
}

TEST_F(WriteVideo, AReversedVideoDecodesToTheReversedFrames) {
  write_video(dir_.path() / "forth.mp4", format(), draw_square);
  write_video(dir_.path() / "back.mp4", format(), [](std::int64_t number, auto rgb) {
    draw_square(kWrittenFrames - 1 - number, rgb);
  });
  const std::string forth = decoded(dir_.path() / "forth.mp4");
  const std::string back = decoded(dir_.path() / "back.mp4");
  if (forth.empty()) GTEST_SKIP() << "this build cannot read videos";
  const std::size_t frame = kWidth * kHeight * 3;
  ASSERT_EQ(forth.size(), kWrittenFrames * frame);
  ASSERT_EQ(back.size(), forth.size());
  for (std::int64_t number = 0; number < kWrittenFrames; ++number) {
    EXPECT_EQ(forth.substr(number * frame, frame),
              back.substr((kWrittenFrames - 1 - number) * frame, frame))
        << number;
  }
}

TEST_F(WriteVideo, FramesBetweenKeysMakeItSmaller) {
  VideoFormat between = format();
  between.key_distance = kWrittenFrames;
  write_video(dir_.path() / "keys.mp4", format(), draw_square);
  write_video(dir_.path() / "between.mp4", between, draw_square);
  EXPECT_LT(contents_of(dir_.path() / "between.mp4").size(),
            contents_of(dir_.path() / "keys.mp4").size());
}

TEST_F(WriteVideo, AFileThatCannotBeMadeIsNamed) {
  const auto refusal =
      refusal_of([&] { write_video(dir_.path() / "absent" / "a.mp4", format(), draw_square); });
  EXPECT_EQ(refusal.code, "input/output");
  EXPECT_THAT(refusal.text, HasSubstr((dir_.path() / "absent" / "a.mp4").string()));
}

TEST_F(WriteVideo, AnUnfinishedFileIsRemoved) {
  const auto path = dir_.path() / "a.mp4";
  EXPECT_THROW(write_video(path,
                           format(),
                           [](std::int64_t number, auto rgb) {
                             if (number == 5) throw std::runtime_error("enough");
                             draw_square(number, rgb);
                           }),
               std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(WriteVideo, TakesNamesWithAColon) {
  const auto path = dir_.path() / "a:b.mp4";
  write_video(path, format(), draw_square);
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(dir_.path());
  EXPECT_NO_THROW(write_video("c:d.mp4", format(), draw_square));
  std::filesystem::current_path(here);
  EXPECT_EQ(contents_of(path), contents_of(dir_.path() / "c:d.mp4"));
}

TEST_F(WriteVideo, RefusesSidesAndCountsOutOfBounds) {
  const auto complaint = [](auto change) {
    VideoFormat bad = format();
    change(bad);
    return refusal_of([&] { bad.check(); }).text;
  };
  EXPECT_EQ(complaint([](auto&) {}), "");
  EXPECT_EQ(complaint([](auto& f) { f.width = 47; }), "[write_video] width is 47, odd");
  EXPECT_EQ(complaint([](auto& f) { f.frames = 0; }),
            "[write_video] frames is 0, not in [1, 1000000]");
  EXPECT_EQ(complaint([](auto& f) { f.quantiser = 52; }),
            "[write_video] quantiser is 52, not in [0, 51]");
}

}  // namespace
}  // namespace larkspur::readers
