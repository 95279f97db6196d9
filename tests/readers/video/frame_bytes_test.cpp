// SPDX-License-Identifier: Apache-2.0
// Whole videos byte for byte against the ffmpeg tool: figures of its output, made by
// tests/data/frame_bytes.sh. Most are coded without loss, so that no encoder's version matters.
#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include <libavutil/hash.h>
}

#include "readers/video/video_file.h"
#include "tests/support/poisoned_memory.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

// libavcodec of the figures; others may round colours differently.
constexpr unsigned kFiguresCodec = 59;

// "h264-yuv420p-340x16.mp4 0123abcd": codec, format, size, CRC-32 of all frames as RGB24.
struct FrameBytes {
  std::string name;
  std::string crc;
};

std::vector<FrameBytes> recorded_frame_bytes() {
  const char* const source = std::getenv("LARKSPUR_SOURCE");
  if (source == nullptr) throw std::runtime_error("LARKSPUR_SOURCE is not set");
  const char* const given = std::getenv("LARKSPUR_FRAME_BYTES");  // of the script: figures to make
  std::ifstream file(given == nullptr ? std::string(source) + "/tests/data/frame_bytes.txt"
                                      : std::string(given));
  std::vector<FrameBytes> figures;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    FrameBytes figure;
    if (line.front() != '#' && words >> figure.name) {
      words >> figure.crc;
      figures.push_back(figure);
    }
  }
  return figures;
}

testing::VideoPlan plan_of(const std::string& name) {
  static const std::map<std::string, testing::VideoPlan> plans{
      {"h264", {.codec = "libx264", .options = "qp=0;preset=ultrafast", .b_frames = 0}},
      {"hevc", {.codec = "libx265", .options = "x265-params=lossless=1:log-level=none"}},
      {"vp9", {.codec = "libvpx-vp9", .options = "lossless=1;cpu-used=8", .b_frames = 0}},
      {"mpeg4", {.codec = "mpeg4"}},
      {"mpeg2", {.codec = "mpeg2video"}},
      {"mjpeg", {.codec = "mjpeg", .b_frames = 0}}};
  std::istringstream words(name);
  std::string codec;
  std::string format;
  std::getline(words, codec, '-');
  std::getline(words, format, '-');
  testing::VideoPlan plan = plans.at(codec);
  char by = 'x';
  words >> plan.width >> by >> plan.height;
  plan.format = format;
  plan.frames = 3;
  plan.is_textured = true;
  return plan;
}

std::string crc_of_frames(const std::filesystem::path& path) {
  const auto video = VideoFile::open(path);
  if (!video.ok()) return video.error().what();
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(video.value()->frames()));
  std::iota(numbers.begin(), numbers.end(), 0);
  AVHashContext* hash = nullptr;
  av_hash_alloc(&hash, "CRC32");
  av_hash_init(hash);
  const auto read = video.value()->read(numbers, [&](std::int64_t, const RgbFrame& frame) {
    for (std::int64_t y = 0; y < frame.height; ++y) {
      av_hash_update(
          hash, frame.rgb + y * frame.row_bytes, static_cast<std::size_t>(3 * frame.width));
    }
  });
  std::array<std::uint8_t, 2 * AV_HASH_MAX_SIZE + 4> text{};
  av_hash_final_hex(hash, text.data(), static_cast<int>(text.size()));
  av_hash_freep(&hash);
  return read.ok() ? reinterpret_cast<const char*>(text.data()) : read.error().what();
}

// Shards, so that a part of the widths runs every time.
constexpr std::size_t kShards = 8;

class FrameBytesTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(FrameBytesTest, AreThoseOfTheFfmpegTool) {
  if (avcodec_version() >> 16 != kFiguresCodec) GTEST_SKIP() << "figures of another libavcodec";
  const char* const folder = std::getenv("LARKSPUR_KEEP_VIDEOS");
  const testing::TempDir temporary;
  const std::filesystem::path at = folder == nullptr ? temporary.path() : folder;
  const std::vector<FrameBytes> figures = recorded_frame_bytes();
  EXPECT_GT(figures.size(), 500U);
  std::size_t compared = 0;
  for (std::size_t i = GetParam(); i < figures.size(); i += kShards) {
    const std::filesystem::path path = at / figures[i].name;
    try {
      testing::make_video(path, plan_of(figures[i].name));
    } catch (const pipeline::Error& error) {
      if (error.code() != pipeline::Errc::kUnsupported) throw;
      continue;  // this FFmpeg has no such encoder
    }
    if (folder != nullptr) continue;
    ++compared;
    const testing::PoisonedMemory poisoned(0x5A);
    EXPECT_EQ(crc_of_frames(path), figures[i].crc) << figures[i].name;
  }
  if (folder == nullptr) {
    EXPECT_GT(compared, 60U);
  }
}

INSTANTIATE_TEST_SUITE_P(Quick, FrameBytesTest, ::testing::Values(std::size_t{0}));
INSTANTIATE_TEST_SUITE_P(Slow, FrameBytesTest, ::testing::Range(std::size_t{1}, kShards));

}  // namespace
}  // namespace larkspur::readers
