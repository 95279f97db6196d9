// SPDX-License-Identifier: Apache-2.0
#include "readers/list/frame_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/list/media_files.h"
#include "readers/list/video_list.h"
#include "tests/readers/write_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::refusal_of;
using Labels = std::vector<std::int64_t>;

class FrameList : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* const name : {"tai chi/a 7", "waving/b"}) {
      testing::write_file(folder_.path() / name / "img_00001.jpg", "x");
    }
  }
  SampleList read(const std::string& text, bool several = false) const {
    ListOptions options;
    options.list = testing::write_file(folder_.path() / "list.txt", text);
    options.several_labels = several;
    return read_video_list(options);
  }
  testing::TempDir folder_;
};

TEST_F(FrameList, HasFoldersFramesAndLabels) {
  for (const char* const text : {"tai chi/a 7 163 1\nwaving/b 20 0\ngone/c 5 2\n",
                                 "tai chi/a 7\t163\t1\r\nwaving/b\t20\t0\r\ngone/c\t5\t2\r\n",
                                 "tai chi/a 7,163,1\nwaving/b,20,0\n\"gone/c\",5,2\n"}) {
    const SampleList list = read(text);
    ASSERT_EQ(list.entries.size(), 3U) << text;
    EXPECT_EQ(list.entries[0].name, "tai chi/a 7");
    EXPECT_EQ(list.entries[0].path, folder_.path() / "tai chi/a 7");
    EXPECT_EQ(list.entries[0].frames, 163);
    EXPECT_EQ(list.entries[1].name, "waving/b");
    EXPECT_EQ(list.entries[1].frames, 20);
    EXPECT_EQ(list.entries[1].label, 0);
    EXPECT_EQ(list.entries[2].name, "gone/c");
    EXPECT_EQ(list.entries[2].label, 2);
    EXPECT_EQ(list.classes.size(), 3U);
  }
}

TEST_F(FrameList, OfSeveralLabelsHasAllBehindTheFrames) {
  const SampleList list = read("waving/b 20 3 0 5\nwaving/b 8 1\n", true);
  EXPECT_EQ(list.entries[0].name, "waving/b");
  EXPECT_EQ(list.entries[0].frames, 20);
  EXPECT_EQ(list.entries[0].all_labels(), (Labels{3, 0, 5}));
  EXPECT_EQ(list.entries[1].frames, 8);
  EXPECT_EQ(list.entries[1].all_labels(), (Labels{1}));
}

TEST_F(FrameList, MayHaveBackslashesBetweenFolders) {
  const SampleList list = read("\xEF\xBB\xBFtai chi\\a 7 1 1\r\nwaving\\b 1 0\r\n");
  ASSERT_EQ(list.entries.size(), 2U);
  EXPECT_EQ(list.entries[0].path, folder_.path() / "tai chi/a 7");
  EXPECT_EQ(list.entries[0].frames, 1);
  testing::write_file(folder_.path() / "waving\\b/img_1.jpg", "x");
  EXPECT_EQ(read("waving\\b 1 0\n").entries[0].path, folder_.path() / "waving\\b");
}

// As lists have it of a video that could not be unpacked: one bad sample among good ones.
TEST_F(FrameList, MayNameNoFrames) {
  const SampleList list = read("lost/y 0 3\nwaving/b 20 1\n");
  EXPECT_EQ(list.entries[0].name, "lost/y");
  EXPECT_EQ(list.entries[0].frames, 0);
  EXPECT_EQ(list.entries[0].label, 3);
  EXPECT_EQ(list.entries[1].frames, 20);
  const SampleList several = read("lost/y 0 3 1\nwaving/b 20 1\n", true);
  EXPECT_EQ(several.entries[0].name, "lost/y");
  EXPECT_EQ(several.entries[0].all_labels(), (Labels{3, 1}));
}

// Files whose names end in numbers, and a folder without a number of frames.
TEST_F(FrameList, IsNoneWhereNoFolderIsMeant) {
  EXPECT_FALSE(read("clip 3 1\nclip 4 0\n").entries[0].frames.has_value());
  EXPECT_EQ(read("clip 3 1\nclip 4 0\n").entries[0].name, "clip 3");
  EXPECT_EQ(read("take 12.mp4 1\n").entries[0].name, "take 12.mp4");
  const SampleList bare = read("waving/b 0\n");
  EXPECT_EQ(bare.entries[0].path, folder_.path() / "waving/b");
  EXPECT_FALSE(bare.entries[0].frames.has_value());
}

TEST_F(FrameList, IsWhatACheckLooksInto) {
  (void)read("tai chi/a 7 163 1\nwaving/b 20 0\n");
  const MediaFiles found = find_media_files(folder_.path() / "list.txt", {});
  ASSERT_EQ(found.files.size(), 2U);
  EXPECT_EQ(found.files[0].path, folder_.path() / "tai chi/a 7");
  EXPECT_EQ(found.files[0].frames, 163);
  EXPECT_EQ(found.files[1].name, "waving/b");
}

// A check has no configuration that says so.
TEST_F(FrameList, OfSeveralLabelsIsKnownByItsFolders) {
  (void)read("waving/b 20 3\nwaving/b 300 3 7\ngone/c 5 1 2\n");
  const MediaFiles found = find_media_files(folder_.path() / "list.txt", {});
  ASSERT_EQ(found.files.size(), 3U);
  EXPECT_EQ(found.files[0].frames, 20);
  EXPECT_EQ(found.files[1].path, folder_.path() / "waving/b");
  EXPECT_EQ(found.files[1].frames, 300);
  EXPECT_EQ(found.files[2].name, "gone/c");
}

}  // namespace
}  // namespace larkspur::readers
