// SPDX-License-Identifier: Apache-2.0
// In every build: one without FFmpeg still knows a video when it sees its name.
#include "readers/file_kind.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

TEST(FileKind, KnowsVideosByTheirEndingsInAnyCase) {
  for (const char* const name : {"a.gif",
                                 "a.DV",
                                 "a.rm",
                                 "a.nut",
                                 "a.vob",
                                 "a.ps",
                                 "a.mp4",
                                 "a.MKV",
                                 "b.c.webm",
                                 "x/y.Avi",
                                 "a.mov"}) {
    EXPECT_TRUE(is_video_file(name)) << name;
  }
  for (const char* const name : {"mp4", "a.mp4.txt", "a.npy", "a", ".mp4"}) {
    EXPECT_FALSE(is_video_file(name)) << name;
  }
}

TEST(FileKind, TellsCloudsByTheirFirstBytes) {
  EXPECT_EQ(kind_of_bytes("# made by hand\nNCOFF\n"), FileKind::kOff);
  EXPECT_EQ(kind_of_bytes("OFF490 518 0\n"), FileKind::kOff);
  EXPECT_EQ(kind_of_bytes("ply\r\nformat"), FileKind::kPly);
  EXPECT_EQ(kind_of_bytes("# .PCD v0.7"), FileKind::kPcd);
  EXPECT_EQ(kind_of_bytes("\x93NUMPY\1"), FileKind::kNpy);
  EXPECT_EQ(kind_of_bytes("# Blender\nmtllib a.mtl\no a b\nv 1 2 3\n"), FileKind::kObj);
  EXPECT_EQ(kind_of_bytes("//X Y Z\n1;2;3"), FileKind::kText);
}

TEST(FileKind, SaysWhatToDoWithTextInUtf16) {
  EXPECT_EQ(kind_of("a.xyz", "\xFE\xFF"), FileKind::kForeign);
  EXPECT_EQ(advice_on("a.xyz", "\xFF\xFE"), "text in UTF-16: save it as UTF-8");
}

TEST(FileKind, TakesAPackForAListAndNoSample) {
  EXPECT_EQ(kind_of_name("ply_data_train0.H5"), FileKind::kPack);
  EXPECT_EQ(kind_of("a", "\x89HDF\r\n\x1a\n...."), FileKind::kPack);
  EXPECT_FALSE(is_cloud(FileKind::kPack));
  EXPECT_FALSE(is_cloud_file("a.hdf5"));
  EXPECT_THAT(advice_on("a.h5", ""), ::testing::HasSubstr("name it as a list"));
}

TEST(FileKind, TakesNoListForAMesh) {
  for (const char* const line :
       {"OFFICE/a.mp4 1\n", "solid/a.off 3\n", "plywood.mp4 2\n", "a 1 2", "v 1\n", "o 1\nv 2\n"}) {
    EXPECT_EQ(kind_of_bytes(line), FileKind::kUnknown) << line;
  }
}

TEST(FileKind, HidesWhatOtherProgramsLeave) {
  for (const char* const name : {".git", "._box_0001.off", "__MACOSX"}) {
    EXPECT_TRUE(is_hidden(name)) << name;
  }
  EXPECT_FALSE(is_hidden("_box.off"));
}

}  // namespace
}  // namespace larkspur::readers
