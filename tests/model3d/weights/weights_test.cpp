// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/weights.h"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"
#include "tests/support/memory_tensor_file.h"
#include "tests/support/network_entry.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_entry;
using larkspur::testing::MemoryTensorFile;
using larkspur::testing::read_golden;
using larkspur::testing::refusal_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Variant A as published: names, shapes and formula values from the golden list of entries.
MemoryTensorFile published_file(const char* rows = "entries") {
  std::map<std::string, at::Tensor> tensors;
  const auto file = read_golden("names_A.json");
  for (const auto& row : file.at(rows)) {
    const std::string name = row[0];
    const auto shape = row[1].get<std::vector<std::int64_t>>();
    const bool counter = name.ends_with("num_batches_tracked");
    tensors[name] = counter ? at::zeros(shape) : golden_entry(name, shape);
  }
  return MemoryTensorFile(std::move(tensors));
}

Network variant_a(std::int64_t classes = 1000) {
  return Network({.form = "image", .variant = "a", .classes = classes});
}

at::Tensor copy_of(const Network& network, const std::string& name) {
  return larkspur::testing::entry_of(network, name).detach().clone();
}

TEST(Weights, PublishedEntriesFillEveryEntryOfTheNetwork) {
  Network network = variant_a();
  const LoadedWeights loaded = load_weights(network, published_file(), HeadRule::kLoad);
  EXPECT_THAT(loaded.missing, IsEmpty());
  EXPECT_THAT(loaded.unexpected, IsEmpty());
  for (const NamedTensor& entry : network.entries()) {
    EXPECT_TRUE(entry.tensor.equal(golden_entry(entry.name, entry.tensor.sizes()))) << entry.name;
  }
}

TEST(Weights, AValueThatIsNotFiniteOrANegativeVarianceIsRefusedByName) {
  Network network = variant_a();
  MemoryTensorFile file = published_file();
  const auto refusal_with = [&](const std::string& name, float value) {
    at::Tensor& tensor = file.all().at(name);
    const at::Tensor good = tensor.clone();
    tensor.view(-1)[5].fill_(value);
    const auto refusal = refusal_of([&] { load_weights(network, file, HeadRule::kLoad); });
    tensor = good;
    return refusal.text;
  };
  EXPECT_THAT(refusal_with("stages.1.0.norm.weight", NAN),
              HasSubstr("weights.file: stages.1.0.norm.weight is not finite at element 5"));
  EXPECT_THAT(refusal_with("stages.1.0.norm.running_mean", INFINITY), HasSubstr("running_mean"));
  EXPECT_THAT(refusal_with("stages.1.0.norm.running_var", -0.5F),
              HasSubstr("stages.1.0.norm.running_var has a negative variance"));
  EXPECT_EQ(refusal_of([&] { load_weights(network, file, HeadRule::kLoad); }).code, "no error");
}

TEST(Weights, MergedOnesFillAMergedNetwork) {
  Network network = variant_a();
  network.merge();
  const MemoryTensorFile file = published_file("deploy_entries");
  EXPECT_TRUE(holds_merged_weights(file));
  EXPECT_FALSE(holds_merged_weights(published_file()));
  const LoadedWeights loaded = load_weights(network, file, HeadRule::kLoad);
  EXPECT_THAT(loaded.missing, IsEmpty());
  EXPECT_THAT(loaded.unexpected, IsEmpty());
}

TEST(Weights, MergedAndTrainedOnesAreNotMixed) {
  Network trained = variant_a();
  Network merged = variant_a();
  merged.merge();
  EXPECT_THAT(refusal_of([&] {
                load_weights(trained, published_file("deploy_entries"), HeadRule::kLoad);
              }).text,
              HasSubstr("weights.file holds merged weights"));
  EXPECT_THAT(refusal_of([&] { load_weights(merged, published_file(), HeadRule::kLoad); }).text,
              HasSubstr("the network is merged"));
}

TEST(Weights, WhatIsMissingOrLeftOverIsToldByName) {
  Network network = variant_a();
  MemoryTensorFile file = published_file();
  file.all().erase("norm.weight");
  file.all()["decoder.weight"] = at::zeros({3});
  const at::Tensor before = copy_of(network, "norm.weight");
  const LoadedWeights loaded = load_weights(network, file, HeadRule::kLoad);
  EXPECT_THAT(loaded.missing, ElementsAre("norm.weight"));
  EXPECT_THAT(loaded.unexpected, ElementsAre("decoder.weight"));
  EXPECT_TRUE(copy_of(network, "norm.weight").equal(before));
  EXPECT_EQ(refusal_of([&] { require_whole(loaded, "x.safetensors"); }).text,
            "x.safetensors lacks 1 entries of the network: norm.weight; it has no place for: "
            "decoder.weight");
}

TEST(Weights, AHeadOfOtherClassesIsRefusedOrKept) {
  Network network = variant_a(15);
  const at::Tensor head = copy_of(network, "head.weight");
  const at::Tensor stem = copy_of(network, "downsample_layers.0.0.weight");
  const auto refusal =
      refusal_of([&] { load_weights(network, published_file(), HeadRule::kLoad); });
  EXPECT_EQ(refusal.code, "invalid argument");
  EXPECT_EQ(refusal.text,
            "weights.file has a head of 1000 classes (head.weight), the network one of 15: set "
            "--classes (in a configuration model.classes) to that");
  EXPECT_TRUE(copy_of(network, "downsample_layers.0.0.weight").equal(stem)) << "half loaded";
  for (const HeadRule rule : {HeadRule::kFit, HeadRule::kKeepOwn}) {
    Network other = variant_a(15);
    const LoadedWeights loaded = load_weights(other, published_file(), rule);
    EXPECT_TRUE(loaded.whole());
    EXPECT_TRUE(loaded.new_head);
    EXPECT_THAT(loaded.unexpected, IsEmpty());
    EXPECT_TRUE(copy_of(other, "head.weight").equal(head));
    EXPECT_FALSE(copy_of(other, "downsample_layers.0.0.weight").equal(stem));
  }
}

TEST(Weights, AHeadOfTheSameClassesIsLoadedUnlessANewOneIsAskedFor) {
  Network fitting = variant_a();
  const at::Tensor own = copy_of(fitting, "head.weight");
  EXPECT_TRUE(load_weights(fitting, published_file(), HeadRule::kKeepOwn).new_head);
  EXPECT_TRUE(copy_of(fitting, "head.weight").equal(own));
  EXPECT_FALSE(load_weights(fitting, published_file(), HeadRule::kFit).new_head);
  EXPECT_TRUE(copy_of(fitting, "head.weight").equal(golden_entry("head.weight", own.sizes())));
}

TEST(Weights, AFileWithoutAHeadFitsATrainingAndIsNotWholeOtherwise) {
  MemoryTensorFile headless = published_file();
  ASSERT_EQ(headless.all().erase("head.weight") + headless.all().erase("head.bias"), 2U);
  Network network = variant_a();
  EXPECT_THAT(load_weights(network, headless, HeadRule::kLoad).missing,
              ElementsAre("head.bias", "head.weight"));
  const LoadedWeights loaded = load_weights(network, headless, HeadRule::kFit);
  EXPECT_TRUE(loaded.whole());
  EXPECT_TRUE(loaded.new_head);
  EXPECT_EQ(loaded.classes, 0);
}

TEST(Weights, AShapeThatDoesNotFitIsRefusedByName) {
  Network network({.form = "image", .variant = "f", .classes = 1000});
  const auto text =
      refusal_of([&] { load_weights(network, published_file(), HeadRule::kLoad); }).text;
  EXPECT_THAT(text,
              HasSubstr("downsample_layers.0.0.weight is [20, 3, 3, 3] there and "
                        "[24, 3, 1, 3, 3] in the network"));
}

void expect_published_shapes(const Network& network, const char* rows) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const NamedTensor& entry : published_state_dict(network)) {
    shapes[entry.name] = entry.tensor.sizes().vec();
  }
  std::size_t published = 0;
  const auto file = read_golden("names_A.json");
  for (const auto& row : file.at(rows)) {
    const std::string name = row[0];
    if (name.ends_with("num_batches_tracked")) continue;
    ++published;
    EXPECT_EQ(shapes[name], row[1].get<std::vector<std::int64_t>>()) << name;
  }
  EXPECT_EQ(shapes.size(), published);
}

TEST(Weights, GoOutWithPublishedNamesAndShapes) {
  Network network = variant_a();
  expect_published_shapes(network, "entries");
  network.merge();
  expect_published_shapes(network, "deploy_entries");
}

// The picture's own figures are the reference: a clip that stands still shows nothing else.
TEST(Weights, AModelOfPicturesStartsAModelOfClips) {
  const at::NoGradGuard no_grad;
  Network network({.form = "clip", .variant = "a", .classes = 1000});
  const LoadedWeights loaded = load_weights(network, published_file(), HeadRule::kLoad);
  EXPECT_THAT(loaded.missing, IsEmpty());
  EXPECT_THAT(loaded.unexpected, IsEmpty());
  // 1 in the stem, a small kernel in each of 2 blocks, a large one and its 5 branches in each of 10
  EXPECT_EQ(loaded.inflated, 1 + 2 + 10 * 6);
  const auto file = read_golden("eval_A.json");
  for (const auto& figures : file.at("cases")) {
    if (figures.at("input").at("shape")[2] != 64) continue;
    pipeline::Batch batch;
    batch.inputs["input"] =
        larkspur::testing::golden_image({2, 3, 64, 64}).unsqueeze(2).repeat({1, 1, 4, 1, 1});
    const double tolerance = figures.at("tol");
    larkspur::testing::expect_logits(figures.at("logits"), network.forward(batch), tolerance);
    return;
  }
  FAIL() << "no case of 64 x 64";
}

TEST(Weights, OnlyAModelWithATimeAxisTakesOneOfPictures) {
  Network network({.form = "voxel", .variant = "a", .classes = 1000});
  EXPECT_THAT(refusal_of([&] { load_weights(network, published_file(), HeadRule::kLoad); }).text,
              HasSubstr("is [20, 3, 3, 3] there and [20, 1, 3, 3, 3] in the network"));
}

TEST(Weights, AnExtraNormBeginsAfreshWherePublishedWeightsHaveNone) {
  const ModelOptions options{
      .form = "image", .variant = "a", .classes = 1000, .norm_before_downsampling = true};
  Network network(options);
  const LoadedWeights loaded = load_weights(network, published_file(), HeadRule::kLoad);
  EXPECT_TRUE(loaded.whole());
  EXPECT_THAT(
      loaded.initialized,
      ElementsAre("downsample_layers.3.pre_norm.bias", "downsample_layers.3.pre_norm.weight"));
  EXPECT_EQ(copy_of(network, "downsample_layers.3.pre_norm.weight").sum().item<double>(), 160);
  MemoryTensorFile file = published_file();
  file.all()["downsample_layers.3.pre_norm.weight"] = at::zeros({160}).fill_(3.0);
  // Half a norm is no norm of published weights.
  EXPECT_THAT(load_weights(network, file, HeadRule::kLoad).missing,
              ElementsAre("downsample_layers.3.pre_norm.bias"));
  EXPECT_EQ(copy_of(network, "downsample_layers.3.pre_norm.weight").sum().item<double>(), 480);
  Network plain = variant_a();
  EXPECT_THAT(refusal_of([&] { load_weights(plain, file, HeadRule::kLoad); }).text,
              HasSubstr("set model.norm_before_downsampling"));
}

TEST(Weights, ManyNamesAreToldByTheFirstOfThem) {
  EXPECT_EQ(some_of({"a", "b"}), "a, b");
  EXPECT_EQ(some_of({"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more");
}

}  // namespace
}  // namespace larkspur::model3d
