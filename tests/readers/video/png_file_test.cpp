// SPDX-License-Identifier: Apache-2.0
// PNG files read again by their structure here; tests/system reads them with another inflate.
#include "readers/video/png_file.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/file_contents.h"
#include "tests/support/golden_formula.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using larkspur::testing::contents_of;
using larkspur::testing::refusal_of;

std::uint32_t word_at(const std::string& bytes, std::size_t at) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    word = word << 8 | static_cast<unsigned char>(bytes.at(at + i));
  }
  return word;
}

TEST(PngFile, IsAGreyPictureOfEightBitsWithWholeChunks) {
  if (!can_write_png()) GTEST_SKIP() << "no FFmpeg with a PNG encoder";
  const testing::TempDir dir;
  const auto path = dir.path() / "x.png";
  const std::vector<std::uint8_t> grey{0, 1, 2, 253, 254, 255};
  write_png(path, 3, 2, grey);
  const std::string bytes = contents_of(path);
  ASSERT_EQ(bytes.substr(0, 8), "\x89PNG\r\n\x1a\n");
  std::vector<std::string> kinds;
  for (std::size_t at = 8; at < bytes.size();) {
    const std::size_t size = word_at(bytes, at);
    kinds.push_back(bytes.substr(at + 4, 4));
    ASSERT_EQ(word_at(bytes, at + 8 + size), testing::crc32(bytes.data() + at + 4, size + 4));
    at += 12 + size;
  }
  EXPECT_EQ(kinds.front(), "IHDR");
  EXPECT_EQ(kinds.back(), "IEND");
  EXPECT_EQ(word_at(bytes, 16), 3U);
  EXPECT_EQ(word_at(bytes, 20), 2U);
  EXPECT_EQ(bytes[24], 8);  // bits
  EXPECT_EQ(bytes[25], 0);  // grey
  write_png(dir.path() / "y.png", 3, 2, grey);
  EXPECT_EQ(contents_of(dir.path() / "y.png"), bytes);
}

TEST(PngFile, RefusesWhatIsNoPictureAndWhereItCannotWrite) {
  const std::vector<std::uint8_t> grey(6);
  if (!can_write_png()) {
    EXPECT_EQ(refusal_of([&] { write_png("x.png", 3, 2, grey); }).code, "unsupported");
    return;
  }
  EXPECT_EQ(refusal_of([&] { write_png("x.png", 4, 2, grey); }).text,
            "x.png: 6 pixels are no picture of 4 x 2");
  const testing::TempDir dir;
  EXPECT_EQ(refusal_of([&] { write_png(dir.path() / "no/x.png", 3, 2, grey); }).text,
            (dir.path() / "no/x.png").string() + ": cannot be written");
}

}  // namespace
}  // namespace larkspur::readers
