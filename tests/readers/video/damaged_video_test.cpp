// SPDX-License-Identifier: Apache-2.0
// Damaged streams: what a decoder conceals or never writes must not come from old memory, nor from
// what was decoded before.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/storage/crc32c.h"
#include "readers/video/video_file.h"
#include "tests/readers/write_file.h"
#include "tests/support/poisoned_memory.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

using NumberedSums = std::map<std::int64_t, std::uint32_t>;

// CRC of each picture that can be read; all in one call, or each in its own, the last first.
NumberedSums numbered_sums_of(const std::filesystem::path& path, bool in_one_call) {
  NumberedSums sums;
  const auto video = VideoFile::open(path);
  if (!video.ok()) return sums;
  std::vector<std::int64_t> all(static_cast<std::size_t>(video.value()->frames()));
  std::iota(all.begin(), all.end(), 0);
  const auto keep = [&](std::int64_t number, const RgbFrame& frame) {
    std::uint32_t crc = 0;
    for (std::int64_t y = 0; y < frame.height; ++y) {
      crc = pipeline::crc32c(
          frame.rgb + y * frame.row_bytes, static_cast<std::size_t>(3 * frame.width), crc);
    }
    sums[number] = crc;
  };
  if (in_one_call) {
    (void)video.value()->read(all, keep);
    return sums;
  }
  for (auto number = all.rbegin(); number != all.rend(); ++number) {
    (void)video.value()->read(std::span(&*number, 1), keep);
  }
  return sums;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A few bytes behind the headers flipped, a part zeroed, or the end cut off.
std::string damaged(std::string bytes, unsigned seed) {
  std::mt19937 random(seed);
  constexpr std::size_t kHeaders = 1500;
  if (seed % 4 == 3) return bytes.substr(0, bytes.size() * (3 + seed % 5) / 8);
  if (seed % 4 == 1) {
    const std::size_t at = kHeaders + random() % (bytes.size() - kHeaders);
    const std::size_t count = std::min(bytes.size() - at, bytes.size() / 10);
    return bytes.replace(at, count, count, '\0');
  }
  for (unsigned i = 0; i < 1 + seed % 5; ++i) {
    bytes[kHeaders + random() % (bytes.size() - kHeaders)] ^= static_cast<char>(1U << random() % 8);
  }
  return bytes;
}

class DamagedVideo : public ::testing::TestWithParam<testing::VideoPlan> {};

TEST_P(DamagedVideo, GivesTheSamePicturesWhateverWasInMemory) {
  const testing::TempDir folder;
  const std::filesystem::path whole = folder.path() / "whole.mkv";
  testing::VideoPlan plan = GetParam();
  plan.frames = 20;
  plan.width = 340;
  plan.height = 256;
  plan.is_moving = true;
  try {
    testing::make_video(whole, plan);
  } catch (const pipeline::Error& error) {
    GTEST_SKIP() << error.what();
  }
  const std::string bytes = bytes_of(whole);
  const NumberedSums undamaged = numbered_sums_of(whole, true);
  std::size_t changed = 0;
  constexpr unsigned kSeeds = 9;
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    const auto path = testing::write_file(folder.path() / "damaged.mkv", damaged(bytes, seed));
    const auto poisoned_sums = [&](int poison, bool in_one_call) {
      const testing::PoisonedMemory poisoned(poison);
      return numbered_sums_of(path, in_one_call);
    };
    const NumberedSums sums = poisoned_sums(0x5A, true);
    EXPECT_EQ(poisoned_sums(0xA5, true), sums) << "seed " << seed;
    NumberedSums single = poisoned_sums(0x11, false);
    for (const auto& [number, sum] : sums) EXPECT_EQ(single[number], sum) << seed << ", " << number;
    changed += sums != undamaged ? 1 : 0;
  }
  EXPECT_GT(changed, 3U);
}

// The last two leave unwritten what they cannot decode.
INSTANTIATE_TEST_SUITE_P(
    Codecs,
    DamagedVideo,
    ::testing::Values(testing::VideoPlan{.codec = "libx264"},
                      testing::VideoPlan{.codec = "mpeg4"},
                      testing::VideoPlan{.codec = "libvpx-vp9", .b_frames = 0},
                      testing::VideoPlan{.codec = "libx265",
                                         .options = "x265-params=log-level=none"},
                      testing::VideoPlan{.codec = "mjpeg", .format = "yuvj420p", .b_frames = 0}),
    [](const auto& test) { return std::to_string(test.index); });

}  // namespace
}  // namespace larkspur::readers
