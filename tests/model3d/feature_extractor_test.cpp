// SPDX-License-Identifier: Apache-2.0
// The forms for clouds that look more than once, as networks: each against others that look once.
#include "model3d/feature_extractor.h"

#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "model3d/weights/weights.h"
#include "tests/support/cloud_forms.h"
#include "tests/support/golden_formula.h"
#include "tests/support/network_file.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::batch_for;
using larkspur::testing::file_of;
using larkspur::testing::fill;
using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;
using larkspur::testing::small;
using larkspur::testing::views;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace larkspur::model3d
