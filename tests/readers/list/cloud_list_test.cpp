// SPDX-License-Identifier: Apache-2.0
#include "readers/list/cloud_list.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ReadCloudList : public ::testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  std::filesystem::path write(const std::string& name, const std::string& text = "x") const {
    return testing::write_file(at(name), text);
  }

  static std::vector<std::pair<std::string, std::int64_t>> entries(const SampleList& list) {
    std::vector<std::pair<std::string, std::int64_t>> result;
    for (const SampleEntry& entry : list.entries) result.emplace_back(entry.name, entry.label);
    return result;
  }

  static void expect_refused(const ListOptions& options, Errc code, const std::string& text) {
    try {
      read_cloud_list(options);
      FAIL() << "accepted, though " << text;
    } catch (const pipeline::Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }

 private:
  testing::TempDir folder_;
};

TEST_F(ReadCloudList, ReadsClassFoldersInAlphabeticalOrder) {
  for (const char* name : {"tv_stand/train/tv_stand_0002.off",
                           "tv_stand/train/tv_stand_0001.off",
                           "bed/train/bed_0001.off",
                           "bed/test/bed_0009.off",
                           "bed/train/.DS_Store",
                           "lamp/test/lamp_0001.off",
                           "paired/deeper/train/p_0001.off"}) {
    write(name);
  }
  const SampleList train = read_cloud_list({.root = at("")});
  EXPECT_THAT(train.classes, ElementsAre("bed", "lamp", "tv_stand"));
  EXPECT_THAT(entries(train),
              ElementsAre(Pair("bed/train/bed_0001.off", 0),
                          Pair("tv_stand/train/tv_stand_0001.off", 2),
                          Pair("tv_stand/train/tv_stand_0002.off", 2)));
  EXPECT_EQ(train.entries[0].path, at("bed/train/bed_0001.off"));
  const SampleList test = read_cloud_list({.list = at(""), .split = "test"});
  EXPECT_EQ(test.classes, train.classes);
  EXPECT_THAT(entries(test),
              ElementsAre(Pair("bed/test/bed_0009.off", 0), Pair("lamp/test/lamp_0001.off", 1)));
}

TEST_F(ReadCloudList, ReadsTheFoldersOf3DShapeNets) {
  write("chair/30/train/chair_000000182_1.mat");
  write("chair/30/test/chair_000000190_1.mat");
  write("desk/30/train/desk_000000007_2.mat");
  EXPECT_THAT(entries(read_cloud_list({.root = at("")})),
              ElementsAre(Pair("chair/30/train/chair_000000182_1.mat", 0),
                          Pair("desk/30/train/desk_000000007_2.mat", 1)));
  write("desk/60/train/desk_000000007_2.mat");
  expect_refused(
      {.root = at("")}, Errc::kInvalidArgument, "desk: holds shapes of several sizes, 30");
}

TEST_F(ReadCloudList, RefusesAFolderOfSeveralKindsUnlessOneIsChosen) {
  write("bed/train/bed_0001.off");
  write("bed/train/bed_0001.npy");
  expect_refused({.root = at("")}, Errc::kInvalidArgument, ".npy and .off files");
  const SampleList list = read_cloud_list({.root = at(""), .extension = ".npy"});
  EXPECT_THAT(entries(list), ElementsAre(Pair("bed/train/bed_0001.npy", 0)));
}

TEST_F(ReadCloudList, TakesTheLabelsOfAFolderFromTheMap) {
  write("bed/train/bed_0001.off");
  const auto labels = write("labels.txt", "\xEF\xBB\xBFsofa\r\nbed\r\n");
  const SampleList list = read_cloud_list({.root = at(""), .labels = labels});
  EXPECT_THAT(list.classes, ElementsAre("sofa", "bed"));
  EXPECT_THAT(entries(list), ElementsAre(Pair("bed/train/bed_0001.off", 1)));
  write("chair/train/chair_0001.off");
  expect_refused({.root = at(""), .labels = labels}, Errc::kInvalidArgument, "chair: not a class");
}

TEST_F(ReadCloudList, ReadsPathsAndNumbersAsPeopleWriteThem) {
  const auto list = write("train.csv",
                          "\xEF\xBB\xBFpath,label\r\n# comment\r\na/1.npy 2\r\n\r\nb c/2.npy,0\r\n"
                          "\"d, e.npy\"\t1\r\na/1.npy 2\r\n");
  const SampleList read = read_cloud_list({.list = list, .root = at("")});
  EXPECT_THAT(
      entries(read),
      ElementsAre(
          Pair("a/1.npy", 2), Pair("b c/2.npy", 0), Pair("d, e.npy", 1), Pair("a/1.npy", 2)));
  EXPECT_THAT(read.classes, ElementsAre("0", "1", "2"));
  EXPECT_EQ(read.entries[1].path, at("b c/2.npy"));
}

TEST_F(ReadCloudList, StartsPathsAtTheListsOwnFolderWithoutARoot) {
  const auto list = write("sub/list.txt", "a.npy 0\n/abs/b.npy 1\n");
  const SampleList read = read_cloud_list({.list = list});
  EXPECT_EQ(read.entries[0].path, at("sub/a.npy"));
  EXPECT_EQ(read.entries[1].path, "/abs/b.npy");
}

TEST_F(ReadCloudList, ReadsClassNamesByTheMap) {
  const auto labels = write("labels.txt", "bed\nnight stand\n\n");
  const auto list = write("list.txt", "a b.npy,night stand\nc.npy bed\nd.npy 1\n");
  const SampleList read = read_cloud_list({.list = list, .labels = labels});
  EXPECT_THAT(entries(read), ElementsAre(Pair("a b.npy", 1), Pair("c.npy", 0), Pair("d.npy", 1)));
}

TEST_F(ReadCloudList, NamesTheLineOfALabelOutsideTheMap) {
  const auto labels = write("labels.txt", "bed\nsofa\n");
  const std::string list = write("list.txt", "a.npy 1\n\nb.npy 2\n").string();
  expect_refused({.list = list, .labels = labels},
                 Errc::kInvalidArgument,
                 list + ":3: label 2 is not in [0, 2)");
  write("list.txt", "a.npy -1\n");
  expect_refused({.list = list}, Errc::kInvalidArgument, list + ":1: label -1");
  write("list.txt", "a.npy sofa\nb.npy couch\n");
  expect_refused({.list = list, .labels = labels},
                 Errc::kInvalidArgument,
                 list + ":2: label 'couch' is not a class of " + labels.string());
  expect_refused({.list = list}, Errc::kInvalidArgument, list + ":1: label 'sofa' is not a number");
  write("list.txt", "a.npy 1\nb.npy\n");
  expect_refused({.list = list}, Errc::kInvalidArgument, list + ":2: expected a path and a label");
  write("list.txt", "a.npy 99999999\n");
  expect_refused({.list = list}, Errc::kInvalidArgument, list + ":1: label 99999999");
}

TEST_F(ReadCloudList, ReadsShapeIdsUpToTheLastUnderscore) {
  write("modelnet40_shape_names.txt", "airplane\nnight_stand\n");
  const auto list = write("modelnet40_train.txt", "night_stand_0007\r\nairplane_0001\r\n");
  const SampleList read = read_cloud_list({.list = list});
  EXPECT_THAT(entries(read),
              ElementsAre(Pair("night_stand/night_stand_0007.txt", 1),
                          Pair("airplane/airplane_0001.txt", 0)));
  EXPECT_THAT(read.classes, ElementsAre("airplane", "night_stand"));
}

TEST_F(ReadCloudList, FindsTheFilesBehindShapeIdsBelowTheSplitToo) {
  write("modelnet10_shape_names.txt", "bed\n");
  write("bed/test/bed_0002.npy");
  const auto list = write("modelnet10_test.txt", "bed_0001\nbed_0002\n");
  EXPECT_THAT(entries(read_cloud_list({.list = list})),
              ElementsAre(Pair("bed/test/bed_0001.npy", 0), Pair("bed/test/bed_0002.npy", 0)));
}

TEST_F(ReadCloudList, NamesTheLineOfAShapeOfNoClass) {
  write("modelnet40_shape_names.txt", "bed\n");
  const std::string list = write("modelnet40_train.txt", "bed_0001\nsofa_0001\n").string();
  expect_refused({.list = list}, Errc::kInvalidArgument, list + ":2: 'sofa' of 'sofa_0001'");
}

TEST_F(ReadCloudList, NamesWhatIsNotThere) {
  const auto list = write("list.txt", "a.npy 0\n");
  expect_refused({.list = at("absent.txt")}, Errc::kNotFound, "list " + at("absent.txt").string());
  expect_refused(
      {.list = list, .root = at("gone")}, Errc::kNotFound, "root " + at("gone").string());
  expect_refused({.list = list, .labels = at("names.txt")},
                 Errc::kNotFound,
                 "labels " + at("names.txt").string());
  const auto ids = write("m_train.txt", "bed_0001\n");
  expect_refused({.list = ids}, Errc::kNotFound, at("m_shape_names.txt").string());
  expect_refused({.root = at("")}, Errc::kNotFound, "no cloud in any <class>/train");
}

TEST_F(ReadCloudList, RefusesEmptyListsAndClassesNamedTwice) {
  const auto list = write("list.txt", "# nothing\npath,label\n");
  expect_refused({.list = list}, Errc::kInvalidArgument, "holds no sample");
  const auto labels = write("labels.txt", "bed\nbed\n");
  expect_refused({.list = list, .labels = labels},
                 Errc::kInvalidArgument,
                 labels.string() + ":2: class 'bed' a second time");
}

TEST(RealCloudLists, GiveTheSameSamplesInAllThreeForms) {
  const auto root = testing::real_data("modelnet40_npy");
  if (!root) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  for (const auto& [split, samples] : {std::pair("train", 1200U), std::pair("test", 400U)}) {
    const std::string name(split);
    const auto names = *root / "modelnet40_shape_names.txt";
    const SampleList folder = read_cloud_list({.root = *root, .split = name});
    const SampleList csv = read_cloud_list({.list = *root / (name + ".csv"), .labels = names});
    const SampleList ids = read_cloud_list({.list = *root / ("modelnet40_" + name + ".txt")});
    ASSERT_EQ(folder.entries.size(), samples);
    ASSERT_EQ(csv.entries.size(), samples);
    ASSERT_EQ(ids.entries.size(), samples);
    EXPECT_EQ(folder.classes.size(), 40U);
    EXPECT_EQ(folder.classes, csv.classes);
    EXPECT_EQ(folder.classes, ids.classes);
    for (std::size_t i = 0; i < samples; ++i) {
      EXPECT_EQ(folder.entries[i].path, csv.entries[i].path);
      EXPECT_EQ(folder.entries[i].path, ids.entries[i].path);
      EXPECT_EQ(folder.entries[i].label, csv.entries[i].label);
      EXPECT_EQ(folder.entries[i].label, ids.entries[i].label);
    }
  }
}

TEST(RealCloudLists, FindTheResampledTextFiles) {
  const auto root = testing::real_data("modelnet40_normal_resampled");
  if (!root) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  const SampleList list = read_cloud_list({.list = *root / "modelnet40_train.txt"});
  EXPECT_EQ(list.entries.size(), 50U);
  EXPECT_EQ(list.classes.size(), 40U);
  EXPECT_EQ(list.entries[10].name, "airplane/airplane_0011.txt");
  EXPECT_TRUE(std::filesystem::exists(list.entries[10].path));
}

}  // namespace
}  // namespace larkspur::readers
