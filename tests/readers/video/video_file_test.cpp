// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <optional>
#include <random>
#include <string>

#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/write_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

using larkspur::testing::contents_of;
using pipeline::Errc;
using ::testing::HasSubstr;
using testing::make_video;
using testing::shown_number;
using testing::VideoPlan;
using Numbers = std::vector<std::int64_t>;

Numbers first(std::int64_t count) {
  Numbers numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::unique_ptr<VideoFile> open(const std::filesystem::path& path) {
  auto video = VideoFile::open(path);
  EXPECT_TRUE(video.ok()) << video.error().what();
  return std::move(video).value();
}

class VideoFileTest : public ::testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  std::filesystem::path make(const std::string& name, const VideoPlan& plan) const {
    make_video(at(name), plan);
    return at(name);
  }

  testing::TempDir folder_;
};

// What the frames of `numbers` show of themselves, in the order they come.
Numbers shown(VideoFile& video, const Numbers& numbers) {
  Numbers seen;
  const auto read = video.read(numbers, [&](std::int64_t, const RgbFrame& frame) {
    EXPECT_EQ(frame.width, video.width());
    EXPECT_EQ(frame.height, video.height());
    seen.push_back(shown_number(frame));
  });
  EXPECT_TRUE(read.ok()) << read.error().what();
  return seen;
}

// All frames in order, then each alone and a few at a time in a random order.
void expect_numbered(const std::filesystem::path& path, const Numbers& expected) {
  SCOPED_TRACE(path.filename());
  const auto video = open(path);
  ASSERT_EQ(video->frames(), static_cast<std::int64_t>(expected.size()));
  Numbers numbers = first(video->frames());
  EXPECT_EQ(shown(*video, numbers), expected);
  std::mt19937 random(3);
  std::shuffle(numbers.begin(), numbers.end(), random);
  for (const std::int64_t number : numbers) {
    EXPECT_EQ(shown(*video, {number}), Numbers{expected[static_cast<std::size_t>(number)]});
  }
  for (std::size_t i = 0; i + 3 < numbers.size(); i += 3) {
    Numbers some(numbers.begin() + i, numbers.begin() + i + 3);
    std::sort(some.begin(), some.end());
    EXPECT_EQ(shown(*video, some),
              (Numbers{expected[static_cast<std::size_t>(some[0])],
                       expected[static_cast<std::size_t>(some[1])],
                       expected[static_cast<std::size_t>(some[2])]}));
  }
}

TEST_F(VideoFileTest, FramesAreNumberedAsTheyAreShown) {
  for (const char* const name : {"a.mp4", "a.mkv", "a.mov", "a.avi", "a.ts", "a.flv", "a.h264"}) {
    expect_numbered(make(name, {}), first(24));
  }
}

TEST_F(VideoFileTest, OtherCodecsAreNumberedTheSame) {
  expect_numbered(make("a.mp4", {.codec = "mpeg4"}), first(24));
  expect_numbered(make("a.avi", {.codec = "mpeg4"}), first(24));
  expect_numbered(make("b.avi", {.codec = "mpeg4", .b_frames = 0}), first(24));
  expect_numbered(make("a.mpg", {.codec = "mpeg2video"}), first(24));
}

TEST_F(VideoFileTest, OptionalCodecsAreNumberedTheSame) {
  const std::string quiet = "x265-params=log-level=none";
  try {
    expect_numbered(make("a.mp4", {.codec = "libx265", .options = quiet}), first(24));
    expect_numbered(make("a.webm", {.codec = "libvpx", .b_frames = 0}), first(24));
    expect_numbered(make("b.webm", {.codec = "libvpx-vp9", .b_frames = 0}), first(24));
  } catch (const pipeline::Error& error) {
    if (error.code() != Errc::kUnsupported) throw;
    GTEST_SKIP() << error.what();
  }
}

TEST_F(VideoFileTest, HiddenFramesAreNotCounted) {
  const VideoPlan plan{.codec = "libvpx",
                       .options = "auto-alt-ref=1;lag-in-frames=16;arnr-maxframes=5",
                       .frames = 60,
                       .keyframe_every = 60,
                       .b_frames = 0};
  try {
    expect_numbered(make("a.webm", plan), first(60));
  } catch (const pipeline::Error& error) {
    if (error.code() != Errc::kUnsupported) throw;
    GTEST_SKIP() << error.what();
  }
}

TEST_F(VideoFileTest, TimesMayBeUneven) {
  VideoPlan plan;
  for (int i = 0; i < plan.frames; ++i) plan.times.push_back(1000 + i * 10 + i * i);
  expect_numbered(make("a.mp4", plan), first(24));
  EXPECT_NEAR(open(at("a.mp4"))->frames_per_second(), 1000.0 * 23 / (23 * 10 + 23 * 23), 0.5);
}

TEST_F(VideoFileTest, TheRateIsTheAverage) {
  EXPECT_NEAR(open(make("a.mp4", {}))->frames_per_second(), 25, 1e-6);
  EXPECT_NEAR(open(make("a.avi", {.codec = "mpeg4"}))->frames_per_second(), 25, 1.5);
  EXPECT_EQ(open(make("one.mp4", {.frames = 1}))->frames_per_second(), 0);
}

TEST_F(VideoFileTest, OpenGroupsAndRollingRefreshGiveTheSameFrames) {
  const VideoPlan open_groups{.options = "x264-params=open-gop=1:scenecut=0:bframes=3",
                              .frames = 40};
  const VideoPlan refresh{.options = "intra-refresh=1", .frames = 40, .b_frames = 0};
  for (const char* const name : {"a.mp4", "a.mkv"}) {
    expect_numbered(make(name, open_groups), first(40));
    expect_numbered(make(name, refresh), first(40));
  }
}

// Cut where a keyframe starts, as stream copies are: frames stored behind it and shown before it
// refer to what is gone.
TEST_F(VideoFileTest, FramesThatACutLostAreNotCounted) {
  VideoPlan plan{.codec = "libx265",
                 .options = "x265-params=open-gop=1:scenecut=0:bframes=3:b-adapt=0:log-level=none",
                 .frames = 40,
                 .b_frames = 3,
                 .first_keyframe = 2};
  for (const char* const name : {"a.mp4", "a.mkv"}) {
    try {
      make(name, plan);
    } catch (const pipeline::Error& error) {
      if (error.code() != Errc::kUnsupported) throw;
      GTEST_SKIP() << error.what();
    }
    const auto video = open(at(name));
    const Numbers seen = shown(*video, first(video->frames()));
    EXPECT_EQ(seen.back(), 39);
    for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_EQ(seen[i], seen[i - 1] + 1);
    expect_numbered(at(name), seen);
    const auto facts = check_video(at(name));
    EXPECT_TRUE(facts.ok()) << facts.error().what();
  }
}

TEST_F(VideoFileTest, SizeMayBeOddAndMayChange) {
  expect_numbered(make("a.mp4", {.codec = "mpeg4", .width = 85, .height = 51}), first(24));
  const auto one = contents_of(make("one.h264", {}));
  const auto two = contents_of(make("two.h264", {.width = 160, .height = 64}));
  Numbers twice = first(24);
  twice.insert(twice.end(), twice.begin(), twice.begin() + 24);
  expect_numbered(testing::write_file(at("both.h264"), one + two), twice);
}

// Where a matrix puts each pixel, by its formula.
at::Tensor placed(const at::Tensor& coded, const std::vector<std::int32_t>& matrix) {
  const std::int64_t height = coded.size(0);
  const std::int64_t width = coded.size(1);
  const auto sign = [&](int i) { return (matrix[i] > 0) - (matrix[i] < 0); };
  const auto x_of = [&](std::int64_t x, std::int64_t y) { return sign(0) * x + sign(3) * y; };
  const auto y_of = [&](std::int64_t x, std::int64_t y) { return sign(1) * x + sign(4) * y; };
  const std::int64_t left = std::min<std::int64_t>(0, x_of(width - 1, height - 1));
  const std::int64_t top = std::min<std::int64_t>(0, y_of(width - 1, height - 1));
  const bool is_swapped = matrix[0] == 0;
  at::Tensor shown =
      at::zeros({is_swapped ? width : height, is_swapped ? height : width, 3}, at::kByte);
  const auto from = coded.accessor<std::uint8_t, 3>();
  auto to = shown.accessor<std::uint8_t, 3>();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) to[y_of(x, y) - top][x_of(x, y) - left][c] = from[y][x][c];
    }
  }
  return shown;
}

TEST_F(VideoFileTest, TheDisplayMatrixTurnsFrames) {
  const at::Tensor coded = read_frames(*open(make("plain.mp4", {})), Numbers{13}).value();
  constexpr std::int32_t k = 1 << 16;
  const std::vector<std::vector<std::int32_t>> turns{{k, 0, 0, k},
                                                     {0, k, -k, 0},
                                                     {-k, 0, 0, -k},
                                                     {0, -k, k, 0},
                                                     {-k, 0, 0, k},
                                                     {k, 0, 0, -k},
                                                     {0, k, k, 0},
                                                     {0, -k, -k, 0}};
  for (const auto& turn : turns) {
    const std::vector<std::int32_t> matrix{turn[0], turn[1], 0, turn[2], turn[3], 0, 0, 0, 1 << 30};
    const auto video = open(make("turned.mp4", {.matrix = matrix}));
    const at::Tensor expected = placed(coded[0], matrix);
    EXPECT_EQ(video->height(), expected.size(0));
    EXPECT_EQ(video->width(), expected.size(1));
    EXPECT_TRUE(at::equal(read_frames(*video, Numbers{13}).value()[0], expected))
        << turn[0] << " " << turn[1] << " " << turn[2] << " " << turn[3];
  }
}

TEST_F(VideoFileTest, FramesComeInTheOrderAskedFor) {
  const auto video = open(make("a.mp4", {}));
  const at::Tensor all = read_frames(*video, first(24)).value();
  const Numbers numbers{20, 3, 20, 0, 4};
  const at::Tensor some = read_frames(*video, numbers).value();
  ASSERT_EQ(some.sizes(), (at::IntArrayRef{5, 48, 80, 3}));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_TRUE(at::equal(some[static_cast<std::int64_t>(i)], all[numbers[i]])) << i;
  }
}

TEST_F(VideoFileTest, NumbersThatDoNotExistAreRefused) {
  const auto video = open(make("a.mp4", {}));
  for (const std::int64_t number : {-1, 24}) {
    const auto read = read_frames(*video, Numbers{0, number});
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code(), Errc::kInvalidArgument);
    EXPECT_THAT(read.error().what(), HasSubstr("no frame " + std::to_string(number)));
  }
}

TEST_F(VideoFileTest, WhatIsNoVideoIsRefusedByKind) {
  const auto code_of = [](const std::filesystem::path& path) {
    const auto video = VideoFile::open(path);
    EXPECT_THAT(video.error().what(), HasSubstr(path.string()));
    return video.error().code();
  };
  EXPECT_EQ(code_of(at("absent.mp4")), Errc::kNotFound);
  EXPECT_EQ(code_of(folder_.path()), Errc::kIo);
  EXPECT_EQ(code_of(testing::write_file(at("empty.mp4"), "")), Errc::kCorruptData);
  EXPECT_EQ(code_of(testing::write_file(at("text.mp4"), "no video at all")), Errc::kCorruptData);
  // A playlist would open other files.
  const std::string playlist = "#EXTM3U\n#EXTINF:1,\n" + make("a.ts", {}).string() + "\n";
  EXPECT_EQ(code_of(testing::write_file(at("list.mp4"), playlist)), Errc::kCorruptData);
}

// Cut anywhere, with bytes overwritten anywhere: an error or frames, and never more.
TEST_F(VideoFileTest, DamageNeverEndsTheProcess) {
  std::mt19937 random(11);
  for (const char* const name : {"a.mp4", "a.mkv", "a.avi", "a.ts", "a.flv", "a.h264"}) {
    const std::string whole = contents_of(make(name, {.frames = 12}));
    for (int i = 0; i < 60; ++i) {
      std::string bytes = whole;
      if (i % 2 == 0) {
        bytes.resize(1 + whole.size() * static_cast<std::size_t>(i) / 60);
      } else {
        for (int k = 0; k < 12; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      const auto path = testing::write_file(at("damaged" + at(name).extension().string()), bytes);
      const auto facts = check_video(path);
      const auto video = VideoFile::open(path);
      if (!video.ok()) continue;
      EXPECT_GT(video.value()->frames(), 0);
      if (facts.ok()) {
        EXPECT_EQ(facts.value().frames, video.value()->frames());
      }
      const std::int64_t last = video.value()->frames() - 1;
      const auto read = video.value()->read(Numbers{last / 2, last}, [](auto, const auto&) {});
      if (!read.ok()) {
        EXPECT_EQ(read.error().code(), Errc::kCorruptData) << read.error().what();
      }
    }
  }
}

TEST_F(VideoFileTest, ACutFileKeepsWhatIsThere) {
  // Matroska needs no table at its end.
  const std::string whole = contents_of(make("a.mkv", {}));
  const auto path = testing::write_file(at("cut.mkv"), whole.substr(0, whole.size() * 8 / 10));
  const auto video = open(path);
  EXPECT_GE(video->frames(), 8);
  EXPECT_LT(video->frames(), 24);
  EXPECT_EQ(shown(*video, first(8)), first(8));
}

// Its index in front, as for the web: half a download opens, and the demuxer takes its end for the
// video's.
TEST_F(VideoFileTest, AFileThatLacksFramesOfItsTableIsRefused) {
  const std::string whole =
      contents_of(make("whole.mp4", {.container = "movflags=+faststart", .frames = 48}));
  EXPECT_TRUE(check_video(at("whole.mp4")).ok());
  for (const std::size_t lost : {std::size_t{1}, whole.size() / 3}) {
    const auto path = testing::write_file(at("cut.mp4"), whole.substr(0, whole.size() - lost));
    EXPECT_FALSE(VideoFile::open(path).ok()) << lost;
    const auto facts = check_video(path);
    ASSERT_FALSE(facts.ok()) << lost;
    EXPECT_EQ(facts.error().code(), Errc::kCorruptData);
    EXPECT_THAT(facts.error().what(), HasSubstr("cut.mp4: cut off, it holds "));
    EXPECT_THAT(facts.error().what(), HasSubstr(" of the 48 frames of its own table"));
  }
}

// Most demuxers end quietly wherever a file was cut; where one hands out part of a packet or
// complains, checking has to fail.
TEST_F(VideoFileTest, CheckingFindsPacketsThatAreNotAllThere) {
  for (const char* const name : {"a.avi", "a.mkv", "a.flv", "a.ts", "a.mpg"}) {
    const bool is_mpeg = std::string(name) == "a.mpg";
    const std::string whole =
        contents_of(make(name, is_mpeg ? VideoPlan{.codec = "mpeg2video"} : VideoPlan{}));
    EXPECT_TRUE(check_video(at(name)).ok()) << check_video(at(name)).error().what();
    int found = 0;
    for (std::size_t tenth = 6; tenth < 10; ++tenth) {
      const auto path = testing::write_file(at(std::string("cut") + name),
                                            whole.substr(0, whole.size() * tenth / 10 + 7));
      const auto facts = check_video(path);
      if (facts.ok()) continue;
      EXPECT_EQ(facts.error().code(), Errc::kCorruptData) << facts.error().what();
      if (std::string(facts.error().what()).find("damaged or cut off") != std::string::npos)
        ++found;
    }
    if (is_mpeg) {
      EXPECT_GT(found, 0);
    }
  }
}

// Bytes this process has asked the system for; nothing where the system does not count them.
std::optional<std::int64_t> bytes_read() {
  std::ifstream counts("/proc/self/io");
  std::string key;
  std::int64_t value = 0;
  if (!(counts >> key >> value) || key != "rchar:") return std::nullopt;
  return value;
}

TEST_F(VideoFileTest, WhatCannotSeekIsNotReadAgainForEveryKeyframe) {
  if (!bytes_read()) GTEST_SKIP() << "no count of the bytes read";
  const auto path = make("a.ts", {.frames = 160, .keyframe_every = 4});
  const auto video = open(path);
  Numbers numbers;
  for (std::int64_t number = 1; number < 160; number += 4) numbers.push_back(number);
  const std::int64_t before = *bytes_read();
  EXPECT_EQ(shown(*video, numbers), numbers);
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  EXPECT_LT(*bytes_read() - before, 8 * size);
}

}  // namespace
}  // namespace larkspur::readers
