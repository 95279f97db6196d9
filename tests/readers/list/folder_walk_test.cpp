// SPDX-License-Identifier: Apache-2.0
// One set of good, bad, hidden and linked files, on which training's list, evaluation's list and
// the walk of a check agree.
#include "readers/list/folder_walk.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/list/cloud_list.h"
#include "readers/list/media_files.h"
#include "readers/list/video_list.h"
#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class FolderWalk : public ::testing::Test {
 protected:
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  void add(const std::string& name, const std::string& text = "1 2 3\n") const {
    testing::write_file(at(name), text);
  }

  std::vector<std::string> trained_on(SampleList (*read)(const ListOptions&)) const {
    std::vector<std::string> paths;
    for (const char* const split : {"train", "test"}) {
      for (const SampleEntry& entry : read({.root = at("set"), .split = split}).entries) {
        paths.push_back(entry.path.lexically_relative(at("set")).string());
      }
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  std::vector<std::string> checked() const {
    std::vector<std::string> paths;
    for (const MediaFile& file : find_media_files(at("set"), {}).files) {
      paths.push_back(file.path.lexically_relative(at("set")).string());
    }
    return paths;
  }

 private:
  testing::TempDir folder_;
};

TEST_F(FolderWalk, FindsTheSameCloudsForTrainingEvaluationAndChecks) {
  add("set/box/train/a.txt");
  add("set/box/train/B.TXT");
  add("set/box/train/broken.txt", "x 2\n");
  add("set/box/train/names.txt", "chair\n");
  add("set/box/train/._a.txt", "\x05\x16\x07");
  add("set/box/train/.hidden/c.txt");
  add("set/box/test/zero.txt", "");
  add("set/__MACOSX/train/._a.txt");
  add("set/shape_names.txt", "box\nlinked\n");
  add("set/labels.txt", "0 box\n1 linked\n");
  add("elsewhere/train/d.txt");
  fs::create_directory_symlink(at("elsewhere"), at("set/linked"));
  fs::create_symlink(at("nowhere"), at("set/box/train/gone.txt"));
  const std::vector<std::string> train = trained_on(read_cloud_list);
  EXPECT_THAT(train,
              ElementsAre("box/test/zero.txt",
                          "box/train/B.TXT",
                          "box/train/a.txt",
                          "box/train/broken.txt",
                          "box/train/gone.txt",
                          "box/train/names.txt",
                          "linked/train/d.txt"));
  EXPECT_EQ(checked(), train);
}

TEST_F(FolderWalk, FindsTheSameVideosForTrainingEvaluationAndChecks) {
  for (const char* const name : {"a.mp4", "B.GIF", "c.dv", "d.rm", "e.nut", "f.vob", "g.ps"}) {
    add(std::string("set/train/tai chi/") + name);
  }
  add("set/train/tai chi/._a.mp4");
  add("set/train/__MACOSX/x.mp4");
  add("elsewhere/h.mp4");
  add("set/test/tai chi/t.avi");
  fs::create_directory_symlink(at("elsewhere"), at("set/train/linked"));
  fs::create_symlink(at("nowhere"), at("set/train/linked/gone.mp4"));
  const std::vector<std::string> train = trained_on(read_video_list);
  EXPECT_EQ(train.size(), 10U);
  EXPECT_EQ(checked(), train);
}

TEST_F(FolderWalk, CutsLoopsOfLinks) {
  add("set/a/x.xyz");
  fs::create_directory_symlink(at("set"), at("set/a/up"));
  fs::create_directory_symlink(at("set/a"), at("set/again"));
  EXPECT_THAT(checked(), ElementsAre("a/x.xyz", "again/x.xyz"));
}

TEST_F(FolderWalk, TakesBrokenTextBesideOthersForACloud) {
  add("set/good.txt");
  add("set/word.txt", "x y z\n1 2 3\n4 5 6\n");
  add("set/short.txt", "1 2\n3 4\n");
  add("set/nan.txt", "nan 1 2\n");
  add("set/train.txt", "a.npy 3\nb.npy 4\n");
  add("set/README.txt", "Clouds of 3 boxes.\n");
  EXPECT_THAT(checked(), ElementsAre("good.txt", "nan.txt", "short.txt", "word.txt"));
}

}  // namespace
}  // namespace larkspur::readers
