// SPDX-License-Identifier: Apache-2.0
#include "readers/video/frame_cursor.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

using Numbers = std::vector<std::int64_t>;

// Keyframes are frames 0, 8 and 16, stored as packets 0, 8 and 16.
class FrameCursorTest : public ::testing::Test {
 protected:
  FrameCursor walk(const std::string& name, const testing::VideoPlan& plan = {}) const {
    testing::make_video(folder_.path() / name, plan);
    return FrameCursor(file_source(folder_.path() / name));
  }

  static Numbers rest_of(FrameCursor& walk) {
    Numbers numbers;
    while (const auto frame = walk.next()) numbers.push_back(frame->number);
    return numbers;
  }

  testing::TempDir folder_;
};

TEST_F(FrameCursorTest, SeekingArrivesAtTheKeyframe) {
  for (const char* const name : {"a.mp4", "a.mkv", "a.mov", "a.flv"}) {
    FrameCursor walk = this->walk(name);
    for (const std::size_t packet : {16, 0, 8}) {
      walk.start(packet, {});
      EXPECT_EQ(walk.packet(), packet) << name;
      EXPECT_EQ(walk.next()->number, static_cast<std::int64_t>(packet)) << name;
    }
  }
}

TEST_F(FrameCursorTest, StreamsWithoutAnIndexAreReadFromTheStart) {
  FrameCursor walk = this->walk("a.ts");
  EXPECT_FALSE(walk.is_counting());
  walk.start(16, {});
  EXPECT_EQ(walk.packet(), 0U);
  EXPECT_EQ(rest_of(walk).size(), 24U);
}

TEST_F(FrameCursorTest, StreamsWithoutTimesAreCounted) {
  FrameCursor walk = this->walk("a.h264");
  EXPECT_TRUE(walk.is_counting());
  walk.restart();
  EXPECT_EQ(rest_of(walk).back(), 23);
}

TEST_F(FrameCursorTest, FramesNothingDependsOnAreLeftOut) {
  for (const char* const codec : {"libx264", "mpeg4"}) {
    FrameCursor walk = this->walk("a.mp4", {.codec = codec});
    walk.start(0, {});
    EXPECT_EQ(rest_of(walk).size(), 24U);
    const Numbers wanted{2};
    walk.start(0, wanted);
    const Numbers seen = rest_of(walk);
    EXPECT_LT(seen.size(), 20U) << codec;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 2), 1) << codec;
  }
}

TEST_F(FrameCursorTest, NoPacketIsReadBehindTheLastOneNeeded) {
  FrameCursor walk = this->walk("a.mp4");
  for (const std::int64_t number : {1, 2, 3, 10}) {
    const auto last = walk.index().last_packet(number);
    ASSERT_TRUE(last.has_value());
    walk.start(0, {});
    walk.end_after(*last);
    const Numbers seen = rest_of(walk);
    EXPECT_EQ(walk.packet(), *last + 1);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), number), 1) << number;
  }
  std::int64_t open = 0;  // of the last packet: nothing behind it shows that its frame is whole
  for (std::int64_t n = 0; n < 24; ++n) open += walk.index().last_packet(n) ? 0 : 1;
  EXPECT_EQ(open, 1);
  walk.restart();
  EXPECT_EQ(rest_of(walk).size(), 24U);
}

}  // namespace
}  // namespace larkspur::readers
