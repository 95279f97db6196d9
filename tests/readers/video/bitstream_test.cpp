// SPDX-License-Identifier: Apache-2.0
#include "readers/video/bitstream.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "readers/video/frame_cursor.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

class BitstreamTest : public ::testing::Test {
 protected:
  // The packets of a made file as its index has them; none where FFmpeg lacks the encoder.
  VideoIndex index_of(const std::string& name, const testing::VideoPlan& plan) const {
    try {
      testing::make_video(folder_.path() / name, plan);
    } catch (const pipeline::Error& error) {
      if (error.code() != pipeline::Errc::kUnsupported) throw;
      return {};
    }
    return FrameCursor(file_source(folder_.path() / name)).index();
  }

  static std::vector<std::size_t> starts_of(const VideoIndex& index) {
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < index.packets().size(); ++i) {
      if (index.packets()[i].is_start) starts.push_back(i);
    }
    return starts;
  }

  testing::TempDir folder_;
};

const std::vector<std::size_t> kGroups{0, 8, 16};

TEST_F(BitstreamTest, KeyFramesOfEveryCodecAreStarts) {
  struct Coded {
    std::string codec;
    std::string name;
  };
  for (const auto& [codec, name] : {Coded{"libx264", "a.mp4"},
                                    Coded{"libx264", "a.avi"},
                                    Coded{"libx264", "a.ts"},
                                    Coded{"mpeg4", "a.mp4"},
                                    Coded{"mpeg2video", "a.mkv"},
                                    Coded{"mpeg1video", "a.mpg"},
                                    Coded{"libvpx", "a.webm"},
                                    Coded{"libvpx-vp9", "a.webm"},
                                    Coded{"flv", "a.flv"}}) {
    const VideoIndex index = index_of(name, {.codec = codec, .b_frames = 0});
    if (index.packets().empty()) continue;
    EXPECT_EQ(starts_of(index), kGroups) << codec << " " << name;
    EXPECT_EQ(index.has_confirmed_order(), index.has_usable_times()) << codec << " " << name;
  }
}

TEST_F(BitstreamTest, FramesThatStandAloneAreAllStarts) {
  EXPECT_EQ(
      starts_of(index_of("a.mov", {.codec = "mjpeg", .format = "yuvj420p", .b_frames = 0})).size(),
      24U);
}

TEST_F(BitstreamTest, MarksOfTheContainerAreNoStarts) {
  const testing::VideoPlan refresh{.options = "x264-params=intra-refresh=1",
                                   .width = 160,
                                   .height = 96,
                                   .b_frames = 0,
                                   .is_moving = true};
  EXPECT_EQ(starts_of(index_of("a.mkv", refresh)), std::vector<std::size_t>{0});
  const testing::VideoPlan unmarked{.codec = "mpeg4", .b_frames = 0, .has_key_table = false};
  EXPECT_EQ(starts_of(index_of("a.mp4", unmarked)), kGroups);
  EXPECT_EQ(starts_of(index_of("b.mp4", {.has_key_table = false})), kGroups);
}

// "Recovery points" that keep their promise at once: no group but the first begins with an IDR.
TEST_F(BitstreamTest, OpenGroupsAreStarts) {
  const testing::VideoPlan plan{.options = "x264-params=open-gop=1:scenecut=0:b-adapt=0"};
  EXPECT_EQ(starts_of(index_of("a.mp4", plan)).size(), 3U);
}

TEST_F(BitstreamTest, TheOrderOfOutputIsToldByBits) {
  for (const char* const codec : {"libx264", "mpeg4", "mpeg2video"}) {
    EXPECT_TRUE(index_of("a.mkv", {.codec = codec}).has_confirmed_order()) << codec;
    EXPECT_FALSE(index_of("b.mkv", {.codec = codec, .has_order = false}).has_confirmed_order())
        << codec;
    EXPECT_TRUE(index_of("c.mkv", {.codec = codec, .b_frames = 0, .has_order = false})
                    .has_confirmed_order())
        << codec;
  }
}

}  // namespace
}  // namespace larkspur::readers
