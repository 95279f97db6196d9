// SPDX-License-Identifier: Apache-2.0
#include "readers/list/pack_list.h"

#include <limits>
#include <sstream>

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/plan/protocol.h"
#include "readers/cloud/cloud_source.h"
#include "readers/format/npy_file.h"
#include "readers/list/cloud_list.h"
#include "readers/list/list_notes.h"
#include "tests/readers/write_file.h"
#include "tests/support/pack_maker.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal_of;
using testing::write_file;
using testing::write_pack;

class PackList : public ::testing::Test {
 protected:
  PackList() {
    write_pack(at("ply_data_train0.h5"), {points_.narrow(0, 0, 2), {}, {1, 0}});
    write_pack(at("ply_data_train1.h5"), {points_.narrow(0, 2, 3), {}, {0, 2, 2}});
    write_pack(at("ply_data_test0.h5"), {points_.narrow(0, 5, 1), {}, {1}});
    write_file(at("shape_names.txt"), "bed\nchair\ntable\n");
  }

  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  static std::vector<std::string> names_of(const SampleList& list) {
    std::vector<std::string> names;
    for (const SampleEntry& entry : list.entries) {
      names.push_back(entry.name + " " + list.classes[static_cast<std::size_t>(entry.label)]);
    }
    return names;
  }

  const at::Tensor points_ = at::arange(6 * 80 * 3, at::kFloat).sin().view({6, 80, 3});
  testing::TempDir folder_;
};

TEST_F(PackList, OfAFolderHasTheCloudsOfTheSplitsPacks) {
  const auto all = ElementsAre("ply_data_train0.h5#0 chair",
                               "ply_data_train0.h5#1 bed",
                               "ply_data_train1.h5#0 bed",
                               "ply_data_train1.h5#1 table",
                               "ply_data_train1.h5#2 table");
  EXPECT_THAT(names_of(read_cloud_list({.root = folder_.path(), .split = "train"})), all);
  EXPECT_THAT(names_of(read_cloud_list({.root = folder_.path(), .split = "test"})),
              ElementsAre("ply_data_test0.h5#0 chair"));
  // As the list of the set says; its paths start elsewhere.
  write_file(at("train_files.txt"), "data/set/ply_data_train1.h5\ndata/set/ply_data_train0.h5\n");
  const SampleList listed = read_cloud_list({.root = folder_.path(), .split = "train"});
  EXPECT_EQ(listed.entries.front().name, "ply_data_train1.h5#0");
  EXPECT_THAT(names_of(listed),
              ::testing::UnorderedElementsAreArray(
                  names_of(read_cloud_list({.list = at("train_files.txt")}))));
  EXPECT_THAT(names_of(read_cloud_list({.list = at("ply_data_test0.h5")})),
              ElementsAre("ply_data_test0.h5#0 chair"));
}

TEST_F(PackList, TakesNumbersWithoutNamesAndNamesOfAnotherFile) {
  write_file(at("other.txt"), "a\nb\nc\nd\n");
  EXPECT_EQ(read_cloud_list({.list = at("ply_data_test0.h5"), .labels = at("other.txt")}).classes,
            (std::vector<std::string>{"a", "b", "c", "d"}));
  std::filesystem::remove(at("shape_names.txt"));
  EXPECT_EQ(read_cloud_list({.root = folder_.path(), .split = "train"}).classes,
            (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(PackList, SortsPacksByTheirNumbers) {
  for (const int number : {2, 3, 9, 10}) {
    write_pack(at("ply_data_train" + std::to_string(number) + ".h5"),
               {points_.narrow(0, 0, 1), {}, {1}});
  }
  const SampleList list = read_cloud_list({.root = folder_.path(), .split = "train"});
  EXPECT_EQ(list.entries.back().name, "ply_data_train10.h5#0");
}

TEST_F(PackList, NamesWhatIsMissing) {
  EXPECT_THAT(
      refusal_of([&] { (void)read_cloud_list({.root = folder_.path(), .split = "val"}); }).text,
      HasSubstr("holds packs, but none with 'val' in its name"));
  write_file(at("train_files.txt"), "a/gone.h5\n");
  EXPECT_THAT(refusal_of([&] { (void)read_cloud_list({.list = at("train_files.txt")}); }).text,
              HasSubstr("train_files.txt:1: neither "));
  write_pack(at("bare.h5"), {points_});
  EXPECT_THAT(refusal_of([&] { (void)read_cloud_list({.list = at("bare.h5")}); }).text,
              HasSubstr("bare.h5: has no dataset 'label'"));
  write_pack(at("far.h5"), {points_.narrow(0, 0, 1), {}, {std::int64_t{1} << 40}});
  std::filesystem::remove(at("shape_names.txt"));
  EXPECT_THAT(refusal_of([&] { (void)read_cloud_list({.list = at("far.h5")}); }).text,
              HasSubstr("far.h5: label 1099511627776 of cloud 0: numbers end at 65535"));
  write_file(at("shape_names.txt"), "bed\nchair\n");
  EXPECT_THAT(refusal_of([&] { (void)read_cloud_list({.list = at("ply_data_train1.h5")}); }).text,
              HasSubstr("label 2 of cloud 1 has no name in "));
}

TEST_F(PackList, ClassesOfOnePackAreNoDoubleLabels) {
  EXPECT_THAT(notes_on(read_cloud_list({.root = folder_.path(), .split = "train"})), ElementsAre());
}

/// The clouds of the training packs as files of a folder, each by `write`.
template <typename Write>
SampleList files_of(const std::filesystem::path& folder,
                    const at::Tensor& points,
                    const std::string& ending,
                    const Write& write) {
  SampleList list{{}, {"bed", "chair", "table"}};
  const std::int64_t labels[] = {1, 0, 0, 2, 2};
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto path = folder / (std::to_string(i) + ending);
    write(path, points[i].contiguous());
    list.entries.push_back({path.string(), path, labels[i]});
  }
  return list;
}

TEST_F(PackList, GivesTheSamplesOfItsFolderOfTextAndOfArrays) {
  const SampleList arrays = files_of(folder_.path(), points_, ".npy", write_npy);
  const SampleList texts =
      files_of(folder_.path(), points_, ".txt", [](const auto& path, const at::Tensor& cloud) {
        std::ostringstream text;
        text.precision(9);
        for (std::int64_t i = 0; i < cloud.size(0); ++i) {
          text << cloud[i][0].item<float>() << ' ' << cloud[i][1].item<float>() << ' '
               << cloud[i][2].item<float>() << '\n';
        }
        write_file(path, text.str());
      });
  const SampleList packs = read_cloud_list({.root = folder_.path(), .split = "train"});
  for (const std::string protocol : {"center", "fixed", "vote10", "rotate12"}) {
    const CloudSourceOptions options{.points = 50,
                                     .product = CloudProduct::kPoints,
                                     .eval_views = pipeline::find_protocol(protocol).clouds};
    const CloudSource sources[] = {{packs, options}, {texts, options}, {arrays, options}};
    for (std::uint32_t id = 0; id < 5; ++id) {
      const auto expected = sources[0].read({.sample = id}).value();
      for (const CloudSource& source : sources) {
        const auto sample = source.read({.sample = id}).value();
        EXPECT_TRUE(sample.inputs.only().equal(expected.inputs.only())) << protocol << " " << id;
        EXPECT_EQ(sample.labels, expected.labels);
      }
    }
  }
}

TEST_F(PackList, ABadCloudIsOneBadSample) {
  at::Tensor spoilt = points_.narrow(0, 0, 2).clone();
  spoilt[1][3][0] = std::numeric_limits<float>::quiet_NaN();
  write_pack(at("bad.h5"), {spoilt, {}, {1, 0}});
  const CloudSource source(read_cloud_list({.list = at("bad.h5")}), {});
  EXPECT_TRUE(source.read({.sample = 0}).ok());
  const auto bad = source.read({.sample = 1});
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().what(), HasSubstr("cloud 1 has a coordinate that is not finite"));
}

}  // namespace
}  // namespace larkspur::readers
