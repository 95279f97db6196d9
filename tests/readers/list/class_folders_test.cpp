// SPDX-License-Identifier: Apache-2.0
#include "readers/list/class_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/file_kind.h"
#include "readers/list/image_list.h"
#include "tests/readers/write_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal_of;
using testing::write_file;

class ReadImageList : public ::testing::Test {
 protected:
  ReadImageList() {
    for (const char* file : {"train/n02/b.JPEG",
                             "train/n02/a.png",
                             "train/n01/c.jpg",
                             "train/n01/notes.txt",
                             "train/n01/d.mp4",
                             "val/n02/e.JPEG"}) {
      write_file(at(file), "x");
    }
  }
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  testing::TempDir folder_;
};

TEST_F(ReadImageList, TakesImageNetsFoldersAndNothingButPictures) {
  const SampleList train = read_image_list({.root = folder_.path(), .split = "train"});
  EXPECT_THAT(train.classes, ElementsAre("n01", "n02"));
  ASSERT_EQ(train.entries.size(), 3U);
  EXPECT_EQ(train.entries[0].name, "n01/c.jpg");
  EXPECT_EQ(train.entries[1].name, "n02/a.png");
  EXPECT_EQ(train.entries[2].path, at("train/n02/b.JPEG"));
  EXPECT_EQ(train.entries[2].label, 1);
  write_file(at("names.txt"), "n00\nn01\nn02\n");
  const SampleList val =
      read_image_list({.root = folder_.path(), .labels = at("names.txt"), .split = "val"});
  EXPECT_EQ(val.entries[0].label, 2);
}

TEST_F(ReadImageList, TakesListsOfPathAndLabelAndPathsAlone) {
  write_file(at("val.txt"), "val/n02/e.JPEG 7\n");
  EXPECT_EQ(read_image_list({.list = at("val.txt")}).entries[0].label, 7);
  write_file(at("test.txt"), "val/n02/e.JPEG\n");
  EXPECT_FALSE(read_image_list({.list = at("test.txt")}).is_labelled());
}

TEST_F(ReadImageList, NamesTheFolderWithoutPictures) {
  EXPECT_THAT(
      refusal_of([&] { (void)read_image_list({.root = at("train/n01"), .split = "train"}); }).text,
      HasSubstr("no picture in any folder of a class, train/<class>/<picture>"));
}

}  // namespace
}  // namespace larkspur::readers
