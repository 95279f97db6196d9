// SPDX-License-Identifier: Apache-2.0
// Packs of clouds where a user meets them: lists, single files, checks, listings.
#include <sstream>

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "launch/run/dataset.h"
#include "launch/run/view_listing.h"
#include "launch/verbs/commands.h"
#include "tests/support/pack_maker.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

class Packs : public ::testing::Test {
 protected:
  Packs() {
    const at::Tensor points = at::arange(4 * 9 * 3, at::kFloat).sin().view({4, 9, 3});
    testing::write_pack(train_, {points.narrow(0, 0, 3), {}, {0, 1, 1}});
    testing::write_pack(test_, {points.narrow(0, 3, 1), {}, {1}});
    config_.data.train.root = dir_.path().string();
    config_.data.eval.root = dir_.path().string();
    config_.data.points = 5;
  }

  testing::TempDir dir_;
  const std::string train_ = (dir_.path() / "ply_data_train0.h5").string();
  const std::string test_ = (dir_.path() / "ply_data_test0.h5").string();
  RunConfig config_;
};

TEST_F(Packs, AreListsOfBothSides) {
  EXPECT_EQ(make_training_data(config_).source->size(), 3);
  EXPECT_EQ(make_evaluation_data(config_, {"0", "1"}).source->label(0), 1);
  EXPECT_EQ(samples_in_training(config_, config_), 0);
  config_.data.eval.split = "train";
  EXPECT_EQ(samples_in_training(config_, config_), 3);
}

TEST_F(Packs, AreManyFilesToAPrediction) {
  const Dataset data = make_data_of_files(config_, {"a", "b"}, {test_, train_});
  ASSERT_EQ(data.source->size(), 4);
  EXPECT_EQ(data.source->name(0), test_ + "#0");
  EXPECT_EQ(data.source->name(3), train_ + "#2");
  EXPECT_TRUE(data.source->read({.sample = 3}).ok());
}

TEST_F(Packs, AreCheckedWhole) {
  std::ostringstream out;
  Invocation call{"larkspur data", {"check", train_}, out};
  run_data(call);
  EXPECT_THAT(out.str(), HasSubstr("ply_data_train0.h5: 3 clouds of 9 points, 3 labels\n"));
}

TEST_F(Packs, ListTheViewsOfOneCloud) {
  const LoadedConfig loaded = config_for_file(train_, {"eval.protocol=rotate12"});
  EXPECT_THAT(list_views(loaded.config, train_ + "#2").text, HasSubstr("#2: 9 points\n"));
  EXPECT_THAT(testing::refusal_of([&] { (void)list_views(loaded.config, train_); }).text,
              HasSubstr("a pack of many clouds: name one, as in " + train_ + "#0"));
}

}  // namespace
}  // namespace larkspur::launch
