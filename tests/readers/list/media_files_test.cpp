// SPDX-License-Identifier: Apache-2.0
#include "readers/list/media_files.h"

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::Refusal;
using testing::refusal_of;

class FindMediaFiles : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((dir_.path() / name).parent_path());
    std::ofstream(dir_.path() / name) << text;
    return dir_.path() / name;
  }

  // Names as they are found, the folder cut off where they have it.
  std::vector<std::string> found(const fs::path& path, const fs::path& root = {}) const {
    std::vector<std::string> names;
    for (const MediaFile& file : find_media_files(path, root).files) {
      const std::string start = dir_.path().string() + "/";
      names.push_back(file.name.starts_with(start) ? file.name.substr(start.size()) : file.name);
    }
    return names;
  }

  testing::TempDir dir_;
};

TEST_F(FindMediaFiles, TakesAMediaExtensionForTheFileItself) {
  for (const char* name : {"absent.ply", "absent.OFF", "absent.txt"}) {
    const MediaFiles files = find_media_files(dir_.path() / name, {});
    EXPECT_TRUE(files.is_single);
    EXPECT_EQ(files.files.at(0).path, dir_.path() / name);
  }
}

TEST_F(FindMediaFiles, TakesBinaryFilesForThemselves) {
  EXPECT_TRUE(find_media_files(write("clip.unknown", std::string("a\0b", 3)), {}).is_single);
}

TEST_F(FindMediaFiles, TellsTextCloudsFromLists) {
  EXPECT_TRUE(find_media_files(write("cloud.txt", "# x y z\n1,2,3\n4,5\n"), {}).is_single);
  EXPECT_TRUE(find_media_files(write("slashes.txt", "//X Y Z\n1 2 3\n"), {}).is_single);
  EXPECT_TRUE(find_media_files(write("broken.txt", "1 2\n3 4\n"), {}).is_single);
  EXPECT_TRUE(find_media_files(write("points.csv", "1,2,3\n"), {}).is_single);
  EXPECT_FALSE(find_media_files(write("list.txt", "a.npy 3\n"), {}).is_single);
}

TEST_F(FindMediaFiles, TakesTextThatCannotBeReadForThatFile) {
  EXPECT_TRUE(find_media_files(write("zero.txt", ""), {}).is_single);
  EXPECT_EQ(::mkfifo((dir_.path() / "pipe.txt").c_str(), 0600), 0);
  EXPECT_TRUE(find_media_files(dir_.path() / "pipe.txt", {}).is_single);
}

TEST_F(FindMediaFiles, LooksAtTheStartOfATextOnly) {
  const fs::path large = write("large.txt", "1 2 3\n");
  fs::resize_file(large, std::uintmax_t{5} << 30);  // a hole: more than a reader takes
  EXPECT_TRUE(find_media_files(large, {}).is_single);
}

TEST_F(FindMediaFiles, ReadsListsOfEverySort) {
  EXPECT_THAT(found(write("plain.txt", "a b.npy\nc.off\na b.npy\n")),
              ElementsAre("a b.npy", "c.off", "a b.npy"));
  EXPECT_THAT(found(write("l.csv", "path,label\na b,c.ply,3\n\"q,\"\"r.ply\",chair\n")),
              ElementsAre("a b,c.ply", "q,\"r.ply"));
  EXPECT_THAT(found(write("frames.txt", "x y.pcd 160 7\nz.xyz\t4\n")),
              ElementsAre("x y.pcd", "z.xyz"));
  EXPECT_THAT(found(write("odd.txt", "a.npy 3\nb.doc 4\n")), ElementsAre("a.npy", "b.doc"));
  EXPECT_THAT(found(write("bare.csv", "path,label\nclips/a,3\n")), ElementsAre("clips/a"));
}

TEST_F(FindMediaFiles, ReadsShapeIds) {
  write("modelnet40_shape_names.txt", "chair\nnight_stand\n");
  write("night_stand/night_stand_0001.txt", "1 2 3\n");
  EXPECT_THAT(found(write("modelnet40_train.txt", "night_stand_0001\nchair_0002\n")),
              ElementsAre("night_stand/night_stand_0001.txt", "chair/chair_0002.txt"));
}

TEST_F(FindMediaFiles, StartsAtTheListOrAtTheRoot) {
  const fs::path list = write("lists/train.txt", "a.npy 3\n");
  EXPECT_EQ(find_media_files(list, {}).files[0].path, dir_.path() / "lists/a.npy");
  EXPECT_EQ(find_media_files(list, "/else").files[0].path, "/else/a.npy");
}

TEST_F(FindMediaFiles, WalksFolders) {
  write("set/b/train/2.off", "OFF\n");
  write("set/b/train/1.off", "OFF\n");
  write("set/a/3.xyz", "1 2 3\n");
  write("set/a/names.txt", "chair\n");
  write("set/a/cloud.txt", "1 2 3\n");
  write("set/a/zero.txt", "");
  write("set/README.md", "1 2 3\n");
  EXPECT_THAT(found(dir_.path() / "set"),
              ElementsAre("set/a/3.xyz",
                          "set/a/cloud.txt",
                          "set/a/names.txt",
                          "set/a/zero.txt",
                          "set/b/train/1.off",
                          "set/b/train/2.off"));
}

TEST_F(FindMediaFiles, TakesFoldersOfPicturesForVideosWhereThereIsNoVideo) {
  const auto below = [&](const fs::path& folder) {
    std::vector<std::string> names;
    for (const MediaFile& file : videos_below(folder)) {
      EXPECT_EQ(file.name, file.path);
      names.push_back(fs::relative(file.path, dir_.path()));
    }
    return names;
  };
  write("a/v1/img_1.jpg", "x");
  write("a/v2/img_1.jpg", "x");
  EXPECT_THAT(below(dir_.path()), ElementsAre("a/v1", "a/v2"));
  EXPECT_THAT(below(dir_.path() / "a/v1"), ElementsAre("a/v1"));
  write("a/1.mp4", "x");
  write("a/poster_1.jpg", "x");
  EXPECT_THAT(below(dir_.path()), ElementsAre("a/1.mp4"));
  write("notes/a.txt", "x");
  EXPECT_TRUE(below(dir_.path() / "notes").empty());
}

TEST_F(FindMediaFiles, RefusesWhatIsNotThereOrHoldsNothing) {
  const fs::path absent = dir_.path() / "absent.csv";
  EXPECT_EQ(refusal_of([&] { (void)find_media_files(absent, {}); }),
            (Refusal{"not found", absent.string() + ": not found"}));
  fs::create_directories(dir_.path() / "empty");
  EXPECT_EQ(
      refusal_of([&] { (void)find_media_files(dir_.path() / "empty", {}); }),
      (Refusal{"invalid argument",
               (dir_.path() / "empty").string() + ": holds no video, no cloud and no picture"}));
}

TEST_F(FindMediaFiles, FindsTheVideosOfAKineticsList) {
  const fs::path list = write("val.csv",
                              "label,youtube_id,time_start,time_end,split\n"
                              "\"tai chi\",-abcdefghij,5,15,val\n");
  EXPECT_THAT(found(list), ElementsAre("tai chi/-abcdefghij_000005_000015"));
}

}  // namespace
}  // namespace larkspur::readers
