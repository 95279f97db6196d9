// SPDX-License-Identifier: Apache-2.0
#include "readers/video/frame_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/video/clip_source.h"
#include "readers/video/png_file.h"
#include "tests/readers/write_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal_of;

class FrameFolderTest : public ::testing::Test {
 protected:
  /// A grey picture that tells its number.
  fs::path add(const std::string& name, int number, std::int64_t width = 20) const {
    const fs::path path = folder_.path() / "clip" / name;
    fs::create_directories(path.parent_path());
    write_png(path,
              width,
              10,
              std::vector<std::uint8_t>(static_cast<std::size_t>(width * 10),
                                        static_cast<std::uint8_t>(10 * number)));
    return path;
  }
  fs::path clip() const { return folder_.path() / "clip"; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const fs::path& path : frames_in(clip())) names.push_back(path.filename());
    return names;
  }
  /// What each picture of a video shows.
  static std::vector<int> shown(VideoFile& video, const std::vector<std::int64_t>& numbers) {
    const at::Tensor frames_N =
        read_frames(video, numbers).value().select(3, 1).select(2, 3).select(1, 4);
    std::vector<int> shown;
    for (std::int64_t i = 0; i < frames_N.size(0); ++i)
      shown.push_back(frames_N[i].item<int>() / 10);
    return shown;
  }
  testing::TempDir folder_;
};

TEST_F(FrameFolderTest, OrdersByNumberFromWhereverItBegins) {
  for (const int number : {9, 10, 11, 8}) add("img_" + std::to_string(number) + ".png", number);
  EXPECT_THAT(names(), ElementsAre("img_8.png", "img_9.png", "img_10.png", "img_11.png"));
  const auto video = VideoFile::open(clip()).value();
  EXPECT_EQ(video->frames(), 4);
  EXPECT_EQ(video->width(), 20);
  EXPECT_EQ(video->height(), 10);
  EXPECT_EQ(video->frames_per_second(), 0);
  EXPECT_THAT(shown(*video, {3, 0, 2, 0}), ElementsAre(11, 8, 10, 8));
  const auto facts = check_video(clip()).value();
  EXPECT_EQ(facts.frames, 4);
  EXPECT_EQ(read_frames(*video, std::vector<std::int64_t>{4}).error().code(),
            Errc::kInvalidArgument);
}

TEST_F(FrameFolderTest, TakesNamesAsProgramsWriteThemAndLeavesFlowOut) {
  for (const int number : {0, 1}) {
    add("0000" + std::to_string(number) + ".PNG", number);
    for (const char* const flow : {"flow_x_", "flow_y_", "x_", "y_"}) {
      add(flow + std::to_string(number) + ".png", 5);
    }
  }
  add("cover.png", 7);
  testing::write_file(clip() / "notes.txt", "12");
  EXPECT_THAT(names(), ElementsAre("00000.PNG", "00001.PNG"));
}

TEST_F(FrameFolderTest, NamesWhatIsMissingOrTooMuch) {
  const auto refusal = [&] { return refusal_of([&] { (void)frames_in(clip()); }).text; };
  fs::create_directories(clip());
  EXPECT_THAT(refusal(), HasSubstr("holds no numbered picture"));
  for (const int number : {1, 2, 4}) add("img_" + std::to_string(number) + ".png", number);
  EXPECT_THAT(refusal(), HasSubstr("picture 3 is missing"));
  add("img_03.png", 3);
  EXPECT_EQ(names().size(), 4U);
  add("img_3.png", 3);
  EXPECT_THAT(refusal(), HasSubstr("picture 3 is there twice"));
  add("thumb_1.png", 3);
  EXPECT_THAT(refusal(), HasSubstr("'img_' and 'thumb_'"));
  EXPECT_EQ(VideoFile::open(clip()).error().code(), Errc::kUnsupported);
}

TEST_F(FrameFolderTest, ABadPictureIsOneBadVideo) {
  for (const int number : {1, 2, 3}) add("img_" + std::to_string(number) + ".png", number);
  add("img_2.png", 2, 22);
  const auto video = VideoFile::open(clip()).value();
  const auto read = read_frames(*video, std::vector<std::int64_t>{0, 1});
  EXPECT_EQ(read.error().code(), Errc::kCorruptData);
  EXPECT_THAT(read.error().what(), HasSubstr("img_2.png: a picture of 22x10, the first is 20x10"));
  EXPECT_FALSE(check_video(clip()).ok());
  testing::write_file(clip() / "img_1.png", "no picture");
  EXPECT_THAT(VideoFile::open(clip()).error().what(), HasSubstr("img_1.png"));
}

TEST_F(FrameFolderTest, IsAClipOfAsManyFramesAsTheListSays) {
  for (int number = 0; number < 8; ++number) add("img_" + std::to_string(number) + ".png", number);
  SampleList list;
  for (const std::int64_t frames : {8, 4, 9, 0}) {
    list.entries.push_back({"clip", clip(), 1});
    list.entries.back().frames = frames;
  }
  list.entries.back().path = folder_.path() / "lost";  // as what was not unpacked is
  const ClipSource source(
      list, {.sampling = {2, 3, 10, false}, .index_cache = {folder_.path() / "kept"}});
  const auto last = [&](std::uint32_t sample) {
    const at::Tensor clip_3T =
        source.read({.sample = sample}).value().inputs["clip"].select(3, 5).select(2, 5);
    return std::lround((clip_3T[0][1].item<double>() * 0.229 + 0.485) * 25.5);
  };
  EXPECT_EQ(last(0), 5);  // frames 2 and 5 of 8, the middle
  EXPECT_EQ(last(1), 3);  // 0 and 3 of 4
  const auto lacking = source.read({.sample = 2});
  EXPECT_EQ(lacking.error().code(), Errc::kCorruptData);
  EXPECT_THAT(lacking.error().what(), HasSubstr("holds 8 of the 9 pictures that the list names"));
  const auto empty = source.read({.sample = 3});
  EXPECT_EQ(empty.error().code(), Errc::kCorruptData);
  EXPECT_THAT(empty.error().what(), HasSubstr("lost: the list names 0 pictures of it"));
  EXPECT_FALSE(fs::exists(folder_.path() / "kept"));
}

}  // namespace
}  // namespace larkspur::readers
