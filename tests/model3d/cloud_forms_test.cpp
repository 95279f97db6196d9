// SPDX-License-Identifier: Apache-2.0
// What holds for every form for clouds.
#include "tests/support/cloud_forms.h"

#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "model3d/weights/weights.h"
#include "tests/support/network_file.h"
#include "tests/support/refusal.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::batch_for;
using larkspur::testing::file_of;
using larkspur::testing::fill;
using larkspur::testing::grids;
using larkspur::testing::refusal_of;
using larkspur::testing::small;
using larkspur::testing::views;
using ::testing::HasSubstr;

class EveryCloudForm : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryCloudForm, MergedGivesTheLogitsOfTheTrainedOne) {
  const at::NoGradGuard no_grad;
  Network network(small(GetParam()));
  fill(network);
  const pipeline::Batch batch = batch_for(GetParam(), 2);
  const at::Tensor trained = network.forward(batch);
  network.merge();
  const at::Tensor merged = network.forward(batch);
  EXPECT_GT((trained[0] - trained[1]).abs().max().item<double>(), 1e-4) << "blind to its input";
  EXPECT_LE((merged - trained).abs().max().item<double>(),
            larkspur::testing::kMergedNetworkRelative * trained.abs().max().item<double>());
  EXPECT_TRUE(network.statistics().empty());
}

TEST_P(EveryCloudForm, TrainsEveryEntryWithTheSameBitsTwice) {
  const auto step = [] {
    Network network(small(GetParam()));
    network.set_training(true);
    network.forward(batch_for(GetParam(), 3)).square().sum().backward();
    std::map<std::string, at::Tensor> results;
    for (const auto& parameter : network.parameters())
      results[parameter.name] = parameter.tensor.grad();
    for (const auto& statistic : network.statistics()) results[statistic.name] = statistic.tensor;
    return results;
  };
  const auto first = step();
  const auto second = step();
  for (const auto& [name, values] : first) {
    ASSERT_TRUE(values.defined()) << name;
    EXPECT_TRUE(values.isfinite().all().item<bool>()) << name;
    EXPECT_TRUE(values.equal(second.at(name))) << name;
  }
}

TEST_P(EveryCloudForm, EvaluatesEverySampleOnItsOwn) {
  const at::NoGradGuard no_grad;
  Network network(small(GetParam()));
  fill(network);
  const at::Tensor together = network.forward(batch_for(GetParam(), 4));
  const at::Tensor alone = network.forward(batch_for(GetParam(), 1));
  EXPECT_TRUE(together[0].allclose(alone[0], 1e-4, 1e-5));
}

TEST_P(EveryCloudForm, NoTwoEntriesShareADrawAndWeightsGoOutAndIn) {
  ModelOptions options = small(GetParam());
  options.seed = 7;
  const Network network(options);
  std::set<std::uint32_t> keys;
  for (const NamedTensor& entry : published_state_dict(network)) {
    EXPECT_TRUE(keys.insert(pipeline::name_key(entry.name)).second) << entry.name;
  }
  Network other(small(GetParam()));
  const auto loaded = load_weights(other, file_of(network), HeadRule::kLoad);
  EXPECT_TRUE(loaded.whole());
  const at::NoGradGuard no_grad;
  Network first(options);
  EXPECT_TRUE(
      other.forward(batch_for(GetParam(), 2)).equal(first.forward(batch_for(GetParam(), 2))));
}

INSTANTIATE_TEST_SUITE_P(Forms,
                         EveryCloudForm,
                         ::testing::Values("views", "joint", "points", "cells"),
                         [](const auto& form) { return std::string(form.param); });

TEST(CloudForms, RefuseInputsByTheName) {
  const auto refusal =
      [](const char* form, const at::Tensor& input, const at::Tensor& second = {}) {
        Network network(small(form));
        pipeline::Batch batch;
        batch.inputs["voxels"] = input;
        if (second.defined()) batch.inputs["views"] = second;
        return refusal_of([&] { network.forward(batch); }).text;
      };
  EXPECT_EQ(refusal("views", at::zeros({2, 3, 24, 24})),
            "[network] input [2, 3, 24, 24] is not a batch of views of 3 channel(s) and 2 axes, as "
            "form views takes it");
  EXPECT_THAT(refusal("views", at::zeros({2, 3, 1, 24, 24})), HasSubstr("as form views takes it"));
  EXPECT_THAT(refusal("views", views(2), views(2)), HasSubstr("only form joint takes two"));
  EXPECT_THAT(refusal("voxel", grids(2), views(2)), HasSubstr("only form joint takes two"));
  EXPECT_THAT(refusal("points", at::zeros({2, 3, 24})), HasSubstr("as form points takes it"));
  EXPECT_THAT(refusal("joint", grids(2)), HasSubstr("form joint takes two inputs"));
  EXPECT_EQ(refusal("joint", grids(2), views(3)),
            "[network] inputs [2, 1, 16, 16, 16] and [3, 3, 3, 24, 24] are not of as many samples");
}

TEST(CloudForms, RefuseOptionsByNameAndValue) {
  const auto refusal = [](const ModelOptions& options) {
    return refusal_of([&] { make_classifier(options); }).text;
  };
  ModelOptions options = small("views");
  options.view_pooling = "median";
  EXPECT_EQ(refusal(options), "[model] view_pooling: \"median\" is none of: max mean");
  options = small("joint");
  options.view_taps = 8;
  EXPECT_THAT(refusal(options), HasSubstr("view_taps: 8 is not odd"));
  options = small("joint");
  options.view_stem_stride = 3;
  EXPECT_EQ(refusal(options), "[model] view_stem_stride: 3 is not 2 or 4");
  options = small("points");
  options.drawing_size = 0;
  EXPECT_EQ(refusal(options), "[model] drawing_size: 0 is not >= 1");
  options.kernel = Extent3{7, 7, 7};
  EXPECT_THAT(refusal(options), HasSubstr("form points has two axes"));
}

}  // namespace
}  // namespace larkspur::model3d
