// SPDX-License-Identifier: Apache-2.0
// The forms for clouds that look more than once, as networks: each against others that look once.
#include "model3d/feature_extractor.h"

#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "model3d/weights/weights.h"
#include "tests/support/golden_formula.h"
#include "tests/support/network_file.h"
#include "tests/support/refusal.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::file_of;
using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;
using ::testing::HasSubstr;

constexpr std::int64_t kClasses = 5;

ModelOptions small(const std::string& form) {
  const bool has_taps_in_depth = form == "voxel" || form == "joint" || form == "cells";
  ModelOptions options{.form = form,
                       .variant = "micro",
                       .classes = kClasses,
                       .kernel = Extent3{has_taps_in_depth ? 7 : 1, 7, 7},
                       .stem_stride = 2,
                       .layer_scale = 0.5};
  if (form == "joint") options.view_stem_stride = 2;
  options.drawing_size = 24;
  options.cell_grid = 8;
  return options;
}

at::Tensor views(std::int64_t samples, std::int64_t count = 3) {
  return golden_noise("views", {samples, count, 3, 24, 24});
}

at::Tensor grids(std::int64_t samples) {
  return golden_noise("grids", {samples, 1, 16, 16, 16}).gt(0.6).to(at::kFloat);
}

/// What form and size ask for; the inputs of a batch of one are the first of a larger one.
pipeline::Batch batch_for(const std::string& form, std::int64_t samples) {
  pipeline::Batch batch;
  if (form == "views" || form == "image") batch.inputs["voxels"] = views(samples);
  if (form == "points" || form == "cells")
    batch.inputs["voxels"] = golden_noise("points", {samples, 60, 3});
  if (form == "joint" || form == "voxel") batch.inputs["voxels"] = grids(samples);
  if (form == "joint") batch.inputs["views"] = views(samples);
  for (std::int64_t i = 0; i < samples; ++i) {
    batch.keys.push_back({.seed = 3, .epoch = 1, .sample = static_cast<std::uint32_t>(i)});
  }
  return batch;
}

/// Running statistics far from 0 and 1, weights that let the input through.
void fill(const Network& network, const std::string& prefix = "") {
  larkspur::testing::fill_by_formula(network.parameters(), prefix);
  for (const auto& statistic : network.statistics()) {
    const at::Tensor noise = golden_noise(prefix + statistic.name, statistic.tensor.sizes().vec());
    const bool variance = statistic.name.ends_with("running_var");
    statistic.tensor.copy_(variance ? 2.01 + 2 * noise : noise);
  }
}

std::map<std::string, at::Tensor> entries_of(const Network& network) {
  std::map<std::string, at::Tensor> entries;
  for (const NamedTensor& entry : network.entries()) entries[entry.name] = entry.tensor.detach();
  return entries;
}

/// What the published head makes of features, in plain ATen.
at::Tensor head_of(const Network& network, const at::Tensor& features) {
  const auto entries = entries_of(network);
  const at::Tensor normed = at::layer_norm(
      features, {features.size(1)}, entries.at("norm.weight"), entries.at("norm.bias"), 1e-6);
  return at::linear(normed, entries.at("head.weight"), entries.at("head.bias"));
}

/// The features of one view, through a network of pictures with the same entries.
at::Tensor features_of_view(const Network& image, const at::Tensor& pictures_N3SS) {
  return image.backbone().forward(pictures_N3SS.unsqueeze(2), {}).mean({2, 3, 4});
}

TEST(Views, AreAnImageNetworkAppliedToEachAndPooled) {
  const at::NoGradGuard no_grad;
  Network image(small("image"));
  fill(image);
  std::vector<at::Tensor> rows;
  const at::Tensor pictures = views(2);
  for (std::int64_t v = 0; v < 3; ++v)
    rows.push_back(features_of_view(image, pictures.select(1, v)));
  const at::Tensor stacked = at::stack(rows);
  for (const char* pooling : {"max", "mean"}) {
    ModelOptions options = small("views");
    options.view_pooling = pooling;
    Network network(options);
    fill(network);
    const at::Tensor pooled = pooling == std::string("max") ? stacked.amax(0) : stacked.mean(0);
    const at::Tensor logits = network.forward(batch_for("views", 2));
    EXPECT_TRUE(logits.allclose(head_of(image, pooled), 1e-4, 1e-5)) << pooling;
  }
}

TEST(Views, HaveTheEntriesOfPicturesAndTakeTheirWeights) {
  const Network image(small("image"));
  Network network(small("views"));
  const auto file = file_of(image);
  for (const NamedTensor& entry : published_state_dict(network)) {
    EXPECT_EQ(file.shape(entry.name), entry.tensor.sizes().vec()) << entry.name;
  }
  const LoadedWeights loaded = load_weights(network, file, HeadRule::kLoad);
  EXPECT_TRUE(loaded.whole());
  EXPECT_THAT(loaded.unexpected, ::testing::IsEmpty());
}

TEST(Views, OfASampleShareTheirRandomDepth) {
  ModelOptions options = small("views");
  options.drop_path = 0.7;
  Network network(options);
  fill(network);
  network.set_training(true);
  pipeline::Batch batch = batch_for("views", 2);
  // Twice the same picture: with one draw a view the two would differ.
  batch.inputs["voxels"] = batch.inputs["voxels"].narrow(1, 0, 1).repeat({1, 2, 1, 1, 1});
  const Backbone& backbone = network.backbone();
  std::vector<pipeline::SampleKey> keys{batch.keys[0], batch.keys[0], batch.keys[1], batch.keys[1]};
  const Pass pass{.training = true, .keys = keys};
  const at::Tensor expected =
      backbone.forward(batch.inputs["voxels"].flatten(0, 1).unsqueeze(2), pass)
          .mean({2, 3, 4})
          .view({2, 2, -1});
  EXPECT_TRUE(expected.select(1, 0).equal(expected.select(1, 1)));
  const at::Tensor actual =
      network.extractor().forward(batch, {.training = true, .keys = batch.keys});
  EXPECT_TRUE(actual.equal(expected.amax(1)));
}

TEST(Joint, IsTheTwoAloneSideBySideUnderOneHead) {
  const at::NoGradGuard no_grad;
  Network joint(small("joint"));
  Network voxel(small("voxel"));
  Network pictures(small("views"));
  fill(joint);
  fill(voxel, "voxel.");
  fill(pictures, "views.");
  const pipeline::Batch batch = batch_for("joint", 3);
  const at::Tensor features = at::cat({voxel.extractor().forward(batch_for("voxel", 3), {}),
                                       pictures.extractor().forward(batch_for("views", 3), {})},
                                      1);
  EXPECT_EQ(features.sizes(), (at::IntArrayRef{3, 256}));
  EXPECT_TRUE(joint.forward(batch).allclose(head_of(joint, features), 1e-4, 1e-5));
}

TEST(Joint, TakesAModelOfVoxelsAndOneOfPicturesAsItsHalves) {
  const at::NoGradGuard no_grad;
  Network joint(small("joint"));
  const Network begun(small("joint"));
  Network voxel(small("voxel"));
  Network image(small("image"));
  fill(voxel);
  fill(image);
  const LoadedWeights first = load_weights(joint, file_of(voxel), HeadRule::kFit);
  EXPECT_EQ(first.half, "voxel.");
  EXPECT_TRUE(entries_of(joint)
                  .at("views.stages.1.0.gamma")
                  .equal(entries_of(begun).at("views.stages.1.0.gamma")));
  const LoadedWeights second = load_weights(joint, file_of(image), HeadRule::kKeepOwn);
  EXPECT_EQ(second.half, "views.");
  for (const LoadedWeights& loaded : {first, second}) {
    EXPECT_TRUE(loaded.whole());
    EXPECT_TRUE(loaded.new_head);
    EXPECT_THAT(loaded.unexpected, ::testing::IsEmpty());
  }
  auto ours = entries_of(joint);
  for (const auto& [name, tensor] : entries_of(voxel)) {
    if (!name.starts_with("norm.") && !name.starts_with("head.")) {
      EXPECT_TRUE(ours.at("voxel." + name).equal(tensor)) << name;
      ours.erase("voxel." + name);
    }
  }
  for (const auto& [name, tensor] : entries_of(image)) {
    if (!name.starts_with("norm.") && !name.starts_with("head.")) {
      EXPECT_TRUE(ours.at("views." + name).equal(tensor)) << name;
      ours.erase("views." + name);
    }
  }
  ASSERT_EQ(ours.size(), 4U) << "norm and head";
  for (const auto& [name, tensor] : ours) {
    EXPECT_TRUE(tensor.equal(entries_of(begun).at(name))) << name;
  }
}

TEST(Joint, IsNotWholeWithAHalfAndNamesWhatDoesNotFit) {
  Network joint(small("joint"));
  EXPECT_THAT(refusal_of([&] {
                load_weights(joint, file_of(Network(small("image"))), HeadRule::kLoad);
              }).text,
              HasSubstr("has nothing but views.* of a joint network: train one from it"));
  ModelOptions wide = small("voxel");
  wide.kernel = Extent3{9, 9, 9};
  const auto refusal =
      refusal_of([&] { load_weights(joint, file_of(Network(wide)), HeadRule::kKeepOwn); });
  EXPECT_THAT(refusal.text, HasSubstr("voxel.stages.1.0.dwconv"));
}

TEST(Joint, GivesItsPicturesTapsOfTheirOwn) {
  ModelOptions options = small("joint");
  options.view_taps = 13;
  Network joint(options);
  ModelOptions wide = small("image");
  wide.kernel = Extent3{1, 13, 13};
  EXPECT_TRUE(load_weights(joint, file_of(Network(wide)), HeadRule::kFit).whole());
  EXPECT_TRUE(load_weights(joint, file_of(Network(small("voxel"))), HeadRule::kFit).whole());
}

TEST(Joint, PublishesTheKernelsOfItsPicturesWithoutDepth) {
  ModelOptions options = small("joint");
  options.kernel = Extent3{1, 7, 7};  // also the voxels' kernels have one tap along D then
  const Network network(options);
  std::map<std::string, std::size_t> axes;
  for (const NamedTensor& entry : published_state_dict(network))
    axes[entry.name] = entry.tensor.sizes().size();
  EXPECT_EQ(axes.at("voxel.stages.1.0.dwconv.lk_origin.weight"), 5U);
  EXPECT_EQ(axes.at("views.stages.1.0.dwconv.lk_origin.weight"), 4U);
  EXPECT_EQ(axes.at("voxel.downsample_layers.0.0.weight"), 5U);
  EXPECT_EQ(axes.at("views.downsample_layers.0.0.weight"), 4U);
}

TEST(Joint, DrawsItsTwoBackbonesRandomDepthsApart) {
  ModelOptions options = small("joint");
  options.drop_path = 0.5;
  Network network(options);
  fill(network);
  Network pictures([&] {
    ModelOptions side = options;
    side.form = "views";
    side.kernel = Extent3{1, 7, 7};
    side.view_stem_stride.reset();
    return side;
  }());
  fill(pictures, "views.");
  const pipeline::Batch batch = batch_for("joint", 4);
  const Pass pass{.training = true, .keys = batch.keys};
  const at::Tensor inside = network.extractor().forward(batch, pass).narrow(1, 128, 128);
  const at::Tensor alone = pictures.extractor().forward(batch_for("views", 4), pass);
  EXPECT_FALSE(inside.allclose(alone, 1e-3, 1e-3)) << "both backbones draw by the same numbers";
}

TEST(Points, AreViewsOfWhatThePointsDraw) {
  const at::NoGradGuard no_grad;
  Network network(small("points"));
  fill(network);
  Network pictures(small("views"));
  fill(pictures);
  PointToImage drawing({.size = 24});
  std::vector<NamedTensor> entries;
  drawing.add_to(StateDict(&entries).under("point_to_image"));
  larkspur::testing::fill_by_formula(entries);
  pipeline::Batch batch = batch_for("points", 2);
  const at::Tensor logits = network.forward(batch);
  batch.inputs["voxels"] = drawing.forward(batch.inputs["voxels"]);
  EXPECT_TRUE(logits.allclose(pictures.forward(batch), 1e-4, 1e-5));
}

TEST(Points, InAnotherOrderGiveTheSameLogits) {
  const at::NoGradGuard no_grad;
  Network network(small("points"));
  fill(network);
  pipeline::Batch batch = batch_for("points", 2);
  const at::Tensor logits = network.forward(batch);
  batch.inputs["voxels"] = batch.inputs["voxels"].flip({1});
  EXPECT_TRUE(network.forward(batch).allclose(logits, 1e-3, 1e-4));
}

TEST(Points, WhoseDrawingIsThereInPartAreNotWhole) {
  auto file = file_of(Network(small("points")));
  std::string lost;
  for (const std::string& name : file.names()) {
    if (name.starts_with("point_to_image.")) lost = name;
  }
  ASSERT_EQ(file.all().erase(lost), 1U);
  Network network(small("points"));
  EXPECT_THAT(load_weights(network, file, HeadRule::kFit).missing, ::testing::ElementsAre(lost));
}

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
