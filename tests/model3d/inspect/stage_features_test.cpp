// SPDX-License-Identifier: Apache-2.0
#include "model3d/inspect/stage_features.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::expect_record;
using larkspur::testing::fill_by_formula;
using larkspur::testing::golden_image;
using larkspur::testing::golden_noise;
using larkspur::testing::read_golden;

void expect_published(const Network& network, const nlohmann::json& expected) {
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_image({2, 3, 64, 64});
  const auto features = stage_features(network, batch);
  const auto& records = expected.at("features");
  ASSERT_EQ(features.size(), records.size() + 1);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(features[i].name, records[i].at("name"));
    EXPECT_EQ(features[i].values.sizes().vec(),
              records[i].at("shape").get<std::vector<std::int64_t>>());
    expect_record(records[i], features[i].values);
  }
  EXPECT_EQ(features.back().name, "logits");
}

TEST(StageFeatures, AreThePublishedOnesInNameOrderAndShapeMergedToo) {
  const at::NoGradGuard no_grad;
  Network network({.form = "image", .variant = "a", .classes = 1000});
  fill_by_formula(network.entries());
  const auto file = read_golden("eval_A.json");
  const auto& expected = file.at("cases").at(0).at("input").at("shape")[2] == 64
                             ? file.at("cases").at(0)
                             : file.at("cases").at(1);
  expect_published(network, expected);
  network.merge();
  expect_published(network, expected);
}

TEST(StageFeatures, OfVolumesKeepTheirDepthAndEndInTheLogitsOfAForwardPass) {
  const at::NoGradGuard no_grad;
  Network network({.form = "voxel", .variant = "micro", .classes = 5});
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_noise("x", {2, 1, 32, 32, 32});
  const auto features = stage_features(network, batch);
  EXPECT_EQ(features.front().values.sizes(), (at::IntArrayRef{2, 16, 16, 16, 16}));
  EXPECT_TRUE(features.back().values.equal(network.forward(batch)));
}

TEST(StageFeatures, OfTwoBackbonesHaveTheirNamesInFront) {
  const at::NoGradGuard no_grad;
  Network network({.form = "joint", .variant = "micro", .classes = 5});
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_noise("x", {2, 1, 16, 16, 16});
  batch.inputs["views"] = golden_noise("y", {2, 3, 3, 32, 32});
  const auto features = stage_features(network, batch);
  ASSERT_EQ(features.size(), 8U + 8U + 2U);
  EXPECT_EQ(features[0].name, "voxel.stem");
  EXPECT_EQ(features[0].values.sizes(), (at::IntArrayRef{2, 16, 8, 8, 8}));
  EXPECT_EQ(features[8].name, "views.stem");
  EXPECT_EQ(features[8].values.sizes(), (at::IntArrayRef{6, 16, 8, 8}));
  EXPECT_EQ(features[15].name, "views.stage4");
  EXPECT_EQ(features[16].values.sizes(), (at::IntArrayRef{2, 256}));
  EXPECT_TRUE(features.back().values.equal(network.forward(batch)));
}

}  // namespace
}  // namespace larkspur::model3d
