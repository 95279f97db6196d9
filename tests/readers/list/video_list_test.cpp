// SPDX-License-Identifier: Apache-2.0
#include "readers/list/video_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/readers/write_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::real_data;
using testing::refusal_of;
using testing::write_file;

constexpr const char* kHeader = "label,youtube_id,time_start,time_end,split,is_cc\n";

class ReadVideoList : public ::testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  void add(const std::string& name, const std::string& text = "x") const {
    write_file(at(name), text);
  }
  SampleList read(const std::string& list, const ListOptions& rest = {}) const {
    ListOptions options = rest;
    if (!list.empty()) options.list = at(list);
    return read_video_list(options);
  }
  static std::vector<std::string> names(const SampleList& list) {
    std::vector<std::string> names;
    for (const SampleEntry& entry : list.entries) names.push_back(entry.name);
    return names;
  }
  static std::vector<std::int64_t> labels(const SampleList& list) {
    std::vector<std::int64_t> labels;
    for (const SampleEntry& entry : list.entries) labels.push_back(entry.label);
    return labels;
  }

 private:
  testing::TempDir folder_;
};

TEST_F(ReadVideoList, TakesClassFoldersBelowTheSplit) {
  add("k/train/tai chi/b.mp4");
  add("k/train/tai chi/a.mkv");
  add("k/train/tai chi/metadata.txt");
  add("k/train/arm wrestling/c.mp4");
  add("k/val/tai chi/d.mp4");
  const SampleList list = read("k");
  EXPECT_THAT(list.classes, ElementsAre("arm wrestling", "tai chi"));
  EXPECT_THAT(names(list), ElementsAre("arm wrestling/c.mp4", "tai chi/a.mkv", "tai chi/b.mp4"));
  EXPECT_THAT(labels(list), ElementsAre(0, 1, 1));
  EXPECT_EQ(list.entries[0].path, at("k/train/arm wrestling/c.mp4"));
}

TEST_F(ReadVideoList, TakesClassFoldersWithoutASplitAndWithUnderscores) {
  add("k/arm_wrestling/c.mp4");
  add("k/tai_chi/a.mp4");
  add("names.txt", "tai chi\nwaving\narm wrestling\n");
  const SampleList list = read("k", {.labels = at("names.txt")});
  EXPECT_THAT(labels(list), ElementsAre(2, 0));
  add("k/juggling/x.mp4");
  EXPECT_THAT(refusal_of([&] { read("k", {.labels = at("names.txt")}); }).text,
              HasSubstr("juggling: not a class of"));
}

TEST_F(ReadVideoList, TakesClassFoldersOfFoldersOfPicturesBelowAndAboveTheSplit) {
  for (const std::string split : {"k/train/", "k/val/"}) {
    add(split + "tai chi/v 2/img_00001.jpg");
    add(split + "tai chi/v1/IMG_00007.JPG");
    add(split + "tai chi/not unpacked/notes.txt");  // a bad sample, when it is read
    add(split + "waving/v3/flow_x_00001.jpg");      // no picture of a video: no class
  }
  std::filesystem::create_symlink("nowhere", at("k/train/tai chi/w"));
  const SampleList below = read("k");
  EXPECT_THAT(below.classes, ElementsAre("tai chi"));
  EXPECT_THAT(names(below),
              ElementsAre("tai chi/not unpacked", "tai chi/v 2", "tai chi/v1", "tai chi/w"));
  EXPECT_EQ(below.entries[1].path, at("k/train/tai chi/v 2"));
  add("u/waving/train/v1/0001.png");
  add("u/waving/test/v2/0001.png");
  add("u/tai_chi/train/a.mp4");
  add("u/tai_chi/train/thumbs/1.jpg");
  EXPECT_THAT(names(read("u")), ElementsAre("tai_chi/train/a.mp4", "waving/train/v1"));
  EXPECT_THAT(names(read("u", {.split = "test"})), ElementsAre("waving/test/v2"));
}

TEST_F(ReadVideoList, BlanksAndUnderscoresCountAsTheSameBothWays) {
  add("k/tai chi/a.mp4");
  add("k/arm_wrestling/c.mp4");
  add("names.txt", "tai_chi\narm wrestling\n");
  EXPECT_THAT(labels(read("k", {.labels = at("names.txt")})), ElementsAre(1, 0));
  add("both.txt", "arm wrestling\ntai chi\ntai_chi\narm_wrestling\n");
  EXPECT_THAT(labels(read("k", {.labels = at("both.txt")})), ElementsAre(3, 1));
}

TEST_F(ReadVideoList, TakesTheLastFieldOfALineAsItsLabel) {
  add("list.txt", "clips/arm wrestling/demo.mp4 7\r\nclips/tai chi/ta_chi.mp4 2\r\n");
  const SampleList list = read("list.txt");
  EXPECT_THAT(names(list), ElementsAre("clips/arm wrestling/demo.mp4", "clips/tai chi/ta_chi.mp4"));
  EXPECT_THAT(labels(list), ElementsAre(7, 2));
  EXPECT_EQ(list.classes.size(), 8U);
  EXPECT_EQ(list.entries[0].path, at("clips/arm wrestling/demo.mp4"));
}

TEST_F(ReadVideoList, TakesKineticsAnnotations) {
  add("val.csv",
      std::string(kHeader) +
          "\"tai chi\",--abc_12345,5,15,validate,0\nzumba,-_-00000000,123456,123466,validate,0\n"
          "\"tai chi\",xyzxyzxyzxy,7.5,17.0,validate,1\n");
  const SampleList list = read("val.csv");
  EXPECT_THAT(list.classes, ElementsAre("tai chi", "zumba"));
  EXPECT_THAT(labels(list), ElementsAre(0, 1, 0));
  EXPECT_THAT(names(list),
              ElementsAre("tai chi/--abc_12345_000005_000015",
                          "zumba/-_-00000000_123456_123466",
                          "tai chi/xyzxyzxyzxy_000007_000017"));
  EXPECT_EQ(list.entries[1].path, at("validate/zumba/-_-00000000_123456_123466.mp4"));
}

TEST_F(ReadVideoList, FindsKineticsVideosInEveryLayoutPeopleUse) {
  const std::string line = "\"tai chi\",xyzxyzxyzxy,7,17,validate,0\n";
  for (const std::string where :
       {"validate/tai chi/", "validate/tai_chi/", "validate/", "tai chi/", "tai_chi/", ""}) {
    const testing::TempDir folder;
    write_file(folder.path() / "val.csv", kHeader + line);
    const std::string name = where + "xyzxyzxyzxy_000007_000017.mkv";
    write_file(folder.path() / name, "x");
    const SampleList list = read_video_list({.list = folder.path() / "val.csv"});
    EXPECT_THAT(names(list), ElementsAre("tai chi/xyzxyzxyzxy_000007_000017"));
    EXPECT_EQ(list.entries[0].path, folder.path() / name);
  }
}

TEST_F(ReadVideoList, NamesStayWhenKineticsVideosArriveInAnotherContainer) {
  add("val.csv",
      std::string(kHeader) +
          "zumba,aaaaaaaaaaa,1,11,val,0\nzumba,bbbbbbbbbbb,2,12,val,0\n"
          "zumba,ccccccccccc,3,13,val,0\n");
  const std::vector<std::string> before = names(read("val.csv"));
  add("zumba/aaaaaaaaaaa_000001_000011.mkv");
  add("zumba/bbbbbbbbbbb_000002_000012.MP4");
  const SampleList list = read("val.csv");
  EXPECT_EQ(names(list), before);
  EXPECT_EQ(list.entries[0].path, at("zumba/aaaaaaaaaaa_000001_000011.mkv"));
  EXPECT_EQ(list.entries[1].path, at("zumba/bbbbbbbbbbb_000002_000012.MP4"));
  EXPECT_EQ(list.entries[2].path, at("zumba/ccccccccccc_000003_000013.mp4"));
}

TEST_F(ReadVideoList, PathsStayBelowTheRootWithoutASplitColumn) {
  add("val.csv", "label,youtube_id,time_start,time_end\nzumba,abcdefghijk,1,11\n");
  EXPECT_EQ(read("val.csv").entries[0].path, at("zumba/abcdefghijk_000001_000011.mp4"));
}

TEST_F(ReadVideoList, HiddenFoldersAndThoseWithoutAVideoAreNoClasses) {
  add("k/.git/x.mp4");
  add("k/doc/metadata.txt");
  add("k/waving/a.mp4");
  add("k/waving/._a.mp4");
  std::filesystem::create_directories(at("k/empty"));
  const SampleList list = read("k");
  EXPECT_THAT(list.classes, ElementsAre("waving"));
  EXPECT_THAT(names(list), ElementsAre("waving/a.mp4"));
}

TEST_F(ReadVideoList, HasNoLabelsWhereAKineticsListHasNone) {
  add("test/abcdefghijk_000001_000011.mp4");
  add("unlabelled.csv", "youtube_id,time_start,time_end,split\nabcdefghijk,1,11,test\n");
  const SampleList list = read("unlabelled.csv");
  EXPECT_FALSE(list.is_labelled());
  EXPECT_EQ(list.entries[0].name, "abcdefghijk_000001_000011");
  EXPECT_EQ(list.entries[0].path, at("test/abcdefghijk_000001_000011.mp4"));
}

TEST_F(ReadVideoList, RefusesWhatItCannotUseByLine) {
  add("short.csv", std::string(kHeader) + "zumba,abcdefghijk\n");
  EXPECT_THAT(refusal_of([&] { read("short.csv"); }).text, HasSubstr("short.csv:2: 2 fields"));
  add("words.csv", std::string(kHeader) + "zumba,abcdefghijk,soon,later,val,0\n");
  EXPECT_THAT(refusal_of([&] { read("words.csv"); }).text, HasSubstr("words.csv:2: time_start"));
  add("names.txt", "waving\n");
  add("other.csv", std::string(kHeader) + "zumba,abcdefghijk,1,11,val,0\n");
  EXPECT_THAT(refusal_of([&] { read("other.csv", {.labels = at("names.txt")}); }).text,
              HasSubstr("other.csv:2: 'zumba' is not a class of"));
  add("empty.csv", kHeader);
  EXPECT_THAT(refusal_of([&] { read("empty.csv"); }).text, HasSubstr("holds no sample"));
  EXPECT_THAT(refusal_of([&] { read("gone.csv"); }).text, HasSubstr("gone.csv: not found"));
  std::filesystem::create_directories(at("bare/train/zumba"));
  EXPECT_THAT(refusal_of([&] { read("bare"); }).text,
              HasSubstr("no video in any folder of a class"));
}

TEST_F(ReadVideoList, ReadsTheOfficialSamplesAndTheListWithSpaces) {
  const auto folder = real_data("k400");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA is not set";
  const ListOptions named{.labels = *folder / "label_map_k400.txt"};
  ListOptions options = named;
  options.list = *folder / "kinetics-400_val_sample.csv";
  const SampleList official = read_video_list(options);
  EXPECT_EQ(official.entries.size(), 8U);
  EXPECT_EQ(official.classes.size(), 400U);
  options.list = *folder / "val_list.txt";
  const SampleList list = read_video_list(options);
  EXPECT_EQ(list.entries.size(), 5U);
  for (const SampleEntry& entry : list.entries) {
    EXPECT_TRUE(std::filesystem::exists(entry.path)) << entry.path;
    EXPECT_EQ(list.classes[static_cast<std::size_t>(entry.label)],
              entry.path.parent_path().filename().string());
  }
  options.list = *folder / "kinetics-400_test_no_label_sample.csv";
  EXPECT_FALSE(read_video_list(options).is_labelled());
}

}  // namespace
}  // namespace larkspur::readers
