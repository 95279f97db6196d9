// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_pack.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/write_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/pack_maker.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::write_pack;

class ReadPack : public ::testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  void expect_refused(const std::string& name, Errc code, const std::string& text) const {
    const auto facts = read_pack_facts(at(name));
    ASSERT_FALSE(facts.ok()) << name;
    EXPECT_EQ(facts.error().code(), code) << name;
    EXPECT_THAT(facts.error().what(), HasSubstr(at(name).string() + ": ")) << name;
    EXPECT_THAT(facts.error().what(), HasSubstr(text)) << name;
  }

  const at::Tensor points_ = at::arange(5 * 7 * 3, at::kFloat).sin().view({5, 7, 3});

 private:
  testing::TempDir folder_;
};

TEST_F(ReadPack, GivesSizesLabelsAndPointsAsTheyAreStored) {
  for (const bool is_compressed : {true, false}) {
    for (const bool as_column : {true, false}) {
      write_pack(at("a.h5"), {points_, {}, {4, 0, 39, 1, 255}, as_column, is_compressed});
      const PackFacts facts = read_pack_facts(at("a.h5")).value();
      EXPECT_EQ(facts.clouds, 5);
      EXPECT_EQ(facts.points, 7);
      EXPECT_THAT(facts.labels, ElementsAre(4, 0, 39, 1, 255));
      EXPECT_TRUE(read_pack_points(at("a.h5")).value().equal(points_));
    }
  }
}

TEST_F(ReadPack, GivesNormalsWhereTheyAreAskedForAndThere) {
  write_pack(at("a.h5"), {points_, points_ * 2, {}});
  EXPECT_TRUE(read_pack_points(at("a.h5")).value().equal(points_));
  EXPECT_TRUE(read_pack_points(at("a.h5"), true).value().equal(at::cat({points_, points_ * 2}, 2)));
  EXPECT_TRUE(read_pack_facts(at("a.h5")).value().labels.empty());
  write_pack(at("b.h5"), {at::cat({points_, points_ + 5}, 2)});  // columns of other things
  EXPECT_TRUE(read_pack_points(at("b.h5"), true).value().equal(points_));
}

TEST_F(ReadPack, NamesWhatIsNoPack) {
  testing::write_file(at("text.h5"), "no pack");
  testing::write_file(at("empty.h5"), "");
  write_pack(at("none.h5"), {{}, {}, {1}});
  write_pack(at("flat.h5"), {points_.flatten(1)});
  write_pack(at("two.h5"), {points_.narrow(2, 0, 2)});
  write_pack(at("less.h5"), {points_, {}, {1, 2}});
  expect_refused("absent.h5", Errc::kNotFound, "No such file");
  expect_refused("empty.h5", Errc::kCorruptData, "zero bytes");
  expect_refused("text.h5", Errc::kCorruptData, "is no HDF5 file that can be opened");
  expect_refused("none.h5", Errc::kCorruptData, "has no dataset 'data'");
  expect_refused("flat.h5", Errc::kCorruptData, "'data' is not [clouds, points, 3 or more]");
  expect_refused("two.h5", Errc::kCorruptData, "'data' is not [clouds, points, 3 or more]");
  expect_refused("less.h5", Errc::kCorruptData, "'label' is not one number for each of 5 clouds");
}

// Half a download: whatever part of it is there, it ends in an error, or in the values.
TEST_F(ReadPack, NeverTakesACutFileForAnother) {
  write_pack(at("a.h5"), {points_, {}, {4, 0, 39, 1, 2}});
  const std::string bytes = testing::contents_of(at("a.h5"));
  int refused = 0;
  for (std::size_t size = 1; size < bytes.size(); size += 97) {
    testing::write_file(at("cut.h5"), bytes.substr(0, size));
    const auto points = read_pack_points(at("cut.h5"));
    refused += points.ok() ? 0 : 1;
    EXPECT_TRUE(!points.ok() || points.value().equal(points_)) << size;
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace larkspur::readers
