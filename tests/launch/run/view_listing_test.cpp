// SPDX-License-Identifier: Apache-2.0
#include "launch/run/view_listing.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "readers/video/video_writer.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;
using testing::refusal_of;

class ListViews : public ::testing::Test {
 protected:
  std::string video(std::int64_t frames) const {
    readers::VideoFormat format;
    format.width = 64;
    format.height = 48;
    format.frames = frames;
    format.frames_per_second = 30;
    const auto path = dir_.path() / (std::to_string(frames) + ".mp4");
    readers::write_video(path, format, [](std::int64_t, std::span<std::uint8_t> rgb) {
      std::ranges::fill(rgb, std::uint8_t{50});
    });
    return path.string();
  }

  static ViewListing listing(const std::string& file, const std::vector<std::string>& overrides) {
    return list_views(config_for_file(file, overrides).config, file);
  }

  testing::TempDir dir_;
};

TEST_F(ListViews, HasEveryClipAndCropOfAVideo) {
  if (!readers::can_write_video()) GTEST_SKIP() << "this build cannot write videos";
  const std::string file = video(300);
  const ViewListing list = listing(file, {"eval.protocol=slowfast_10x3", "eval.size=32"});
  EXPECT_THAT(list.text, HasSubstr("300 frames of 64x48, 30 a second\n"));
  EXPECT_THAT(list.text, HasSubstr("protocol slowfast_10x3: 30 views, mean of probabilities"));
  EXPECT_THAT(list.text,
              HasSubstr("clip 1: frames 24 28 32 36 40 45 49 53 57 61 66 70 74 78 82 86\n"));
  EXPECT_THAT(list.text, HasSubstr("crop 2: 32x32 at left 10, top 0 of frames resized to 42x32\n"));
  const auto json = nlohmann::json::parse(list.json);
  ASSERT_EQ(json["views"].size(), 30U);
  EXPECT_EQ(json["views"][5]["frames"][15], 86);
  EXPECT_EQ(json["views"][5]["crop"]["left"], 10);
  EXPECT_EQ(json["views"][5]["resized"], (std::vector<int>{42, 32}));
  EXPECT_EQ(json["frames"], 300);
}

TEST_F(ListViews, HasTheOneViewOfAShortVideo) {
  if (!readers::can_write_video()) GTEST_SKIP() << "this build cannot write videos";
  EXPECT_THAT(listing(video(1), {"data.sampling=segments"}).text,
              HasSubstr("1 clip of 16 frames, one of each part of the video, each with 1 crop"));
  EXPECT_THAT(
      listing(video(1), {"data.sampling=seconds", "data.seconds=1.5", "data.frames=2"}).text,
      HasSubstr("1 clip of 2 frames, evenly in 1.5 s, each with 1 crop\nclip 0: frames 0 0\n"));
  const ViewListing list = listing(video(1), {"data.frames=3"});
  EXPECT_THAT(list.text, HasSubstr("1 frame of 64x48, of no known rate: taken as 30 a second"));
  EXPECT_THAT(list.text, HasSubstr("clip 0: frames 0 0 0\n"));
  EXPECT_THAT(list.text, HasSubstr("48x48 at left 8, top 0 of the frame, resized to 112x112\n"));
}

TEST_F(ListViews, HasEveryTurnOfACloudWithoutAskingForItsKind) {
  const std::string file = (dir_.path() / "a.xyz").string();
  std::ofstream(file) << "0 0 0\n1 0 0\n0 1 0\n0 0 1\n";
  const ViewListing list = listing(file, {"eval.protocol=rotate40", "data.points=3"});
  EXPECT_THAT(list.text,
              HasSubstr("a.xyz: 4 points\nprotocol rotate40: 40 views, mean of logits; "
                        "3 farthest points\nview 0: turned by 0 degrees about z, then "
                        "by -72 about y; scale 1 1 1; shift 0 0 0\n"));
  EXPECT_THAT(list.text, HasSubstr("view 39: turned by -324 degrees about z, then by -36 about"));
  EXPECT_EQ(nlohmann::json::parse(list.json)["views"].size(), 40U);
}

TEST_F(ListViews, RefusesAProtocolForAnotherKindAndAMissingFile) {
  const std::string file = (dir_.path() / "a.xyz").string();
  std::ofstream(file) << "0 0 0\n1 0 0\n";
  EXPECT_EQ(refusal_of([&] { (void)listing(file, {"eval.protocol=mvit_5x1"}); }).text,
            "argument 'eval.protocol=mvit_5x1': eval.protocol: mvit_5x1 does not look at data.kind "
            "cloud; these do: center, fixed, vote10, rotate40, rotate12");
  EXPECT_EQ(refusal_of([&] { (void)listing(file, {"eval.size=64"}); }).text,
            "argument 'eval.size=64': eval.size: 64, but views of clouds have no such size: leave "
            "it at 0");
  EXPECT_THAT(refusal_of([&] { (void)listing(file, {"eval.protocol=rotate4"}); }).text,
              HasSubstr("did you mean 'rotate40'?"));
  EXPECT_EQ(refusal_of([&] { (void)listing(file + "z", {}); }).code, "not found");
}

}  // namespace
}  // namespace larkspur::launch
