// SPDX-License-Identifier: Apache-2.0
#include "readers/list/frame_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

TEST(FrameNames, AreAWordAndANumberOfAPicture) {
  EXPECT_EQ(frame_name("img_00012.jpg")->number, 12);
  EXPECT_EQ(frame_name("img_00012.jpg")->word, "img_");
  EXPECT_EQ(frame_name("7.PNG")->number, 7);
  EXPECT_EQ(frame_name("frame 0.jpeg")->word, "frame ");
  for (const char* const name : {"img_12.txt",
                                 "cover.jpg",
                                 "flow_x_00001.jpg",
                                 "x_1.jpg",
                                 "99999999999999999999.jpg",
                                 "._img_1.jpg",
                                 "img_1.jpg.part"}) {
    EXPECT_FALSE(frame_name(name)) << name;
  }
}

TEST(FrameNames, TellFoldersThatAreVideos) {
  const testing::TempDir folder;
  testing::write_file(folder.path() / "a/b/img_1.jpg", "x");
  testing::write_file(folder.path() / "a/c/x_1.jpg", "x");
  EXPECT_TRUE(holds_frames(folder.path() / "a/b"));
  EXPECT_FALSE(holds_frames(folder.path() / "a/c"));
  EXPECT_FALSE(holds_frames(folder.path() / "a"));
  EXPECT_FALSE(holds_frames(folder.path() / "none"));
  EXPECT_THAT(frame_folders_below(folder.path()), ::testing::ElementsAre(folder.path() / "a/b"));
}

}  // namespace
}  // namespace larkspur::readers
