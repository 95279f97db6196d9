// SPDX-License-Identifier: Apache-2.0
// A model of pictures that starts a model of clips, in every way there is: on a clip that stands
// still it must give the picture's own logits.
#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/weights/weights.h"
#include "pipeline/require.h"
#include "tests/support/golden_formula.h"
#include "tests/support/network_file.h"
#include "tests/support/network_logits.h"
#include "tests/support/refusal.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::file_of;
using larkspur::testing::golden_noise;
using larkspur::testing::logits_of;
using larkspur::testing::MemoryTensorFile;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A model of pictures with all entries, statistics too, far from where they start.
Network picture_network(const std::string& variant, std::int64_t kernel) {
  Network network(
      {.form = "image", .variant = variant, .classes = 11, .kernel = Extent3{1, kernel, kernel}});
  larkspur::testing::fill_by_formula(network.parameters());
  larkspur::testing::fill_by_formula(network.statistics());
  return network;
}

/// A picture [N,3,H,W] as a clip that stands still.
at::Tensor still(const at::Tensor& picture, std::int64_t frames) {
  return picture.unsqueeze(2).repeat({1, 1, frames, 1, 1});
}

struct Way {
  const char* name;
  Inflation inflation;
  TimePadding padding;
  bool separable;
  TemporalStrides strides;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class StillClip : public ::testing::TestWithParam<Way> {
 protected:
  Network clip_network(const std::string& variant, std::int64_t kernel) const {
    return Network({.form = "clip",
                    .variant = variant,
                    .classes = 11,
                    .kernel = Extent3{5, kernel, kernel},
                    .temporal_strides = GetParam().strides,
                    .temporal_taps = Extent3{3, 5, 7},
                    .separable_time = GetParam().separable,
                    .time_padding = GetParam().padding,
                    .inflation = GetParam().inflation});
  }

  /// As trained, merged, and filled from merged weights.
  void expect_logits_of_the_picture(const std::string& variant,
                                    std::int64_t kernel,
                                    const std::vector<std::int64_t>& lengths) {
    Network picture = picture_network(variant, kernel);
    const at::Tensor image = larkspur::testing::golden_image({2, 3, 64, 64});
    const at::Tensor expected = logits_of(picture, image);
    Network trained = clip_network(variant, kernel);
    Network merged = clip_network(variant, kernel);
    Network filled_merged = clip_network(variant, kernel);
    filled_merged.merge();
    EXPECT_TRUE(load_weights(trained, file_of(picture), HeadRule::kLoad).whole());
    EXPECT_TRUE(load_weights(merged, file_of(picture), HeadRule::kLoad).whole());
    merged.merge();
    picture.merge();
    EXPECT_TRUE(load_weights(filled_merged, file_of(picture), HeadRule::kLoad).whole());
    const double largest_logit = expected.abs().max().item<double>();
    double largest_difference = 0;
    for (const std::int64_t frames : lengths) {
      for (Network* network : {&trained, &merged, &filled_merged}) {
        const at::Tensor logits = logits_of(*network, still(image, frames));
        const double difference = (logits - expected).abs().max().item<double>();
        largest_difference = std::max(largest_difference, difference);
        EXPECT_LE(difference, larkspur::testing::kInflatedNetworkRelative * largest_logit)
            << frames << (network == &trained ? " as trained" : " merged");
      }
    }
    RecordProperty("relative_difference", pipeline::text_of(largest_difference / largest_logit));
  }
};

TEST_P(StillClip, GivesTheLogitsOfThePictureInMicro) {
  expect_logits_of_the_picture("micro", 7, {1, 2, 3, 7, 8, 16});
}

TEST_P(StillClip, GivesTheLogitsOfThePictureInA) { expect_logits_of_the_picture("a", 13, {1, 5}); }

constexpr TemporalStrides kHalved{2, 1, 1, 1};
constexpr TemporalStrides kWhole{1, 1, 1, 1};
constexpr TemporalStrides kStrided{4, 2, 1, 2};
constexpr auto kMean = Inflation::kMean;
constexpr auto kCentre = Inflation::kCentre;
constexpr auto kZeros = TimePadding::kZeros;
constexpr auto kRepeat = TimePadding::kReplicate;

INSTANTIATE_TEST_SUITE_P(
    Ways,
    StillClip,
    ::testing::Values(Way{"centre_halved", kCentre, kZeros, false, kHalved},
                      Way{"centre_whole", kCentre, kZeros, false, kWhole},
                      Way{"centre_replicate", kCentre, kRepeat, false, kHalved},
                      Way{"mean_halved", kMean, kRepeat, false, kHalved},
                      Way{"mean_whole", kMean, kRepeat, false, kWhole},
                      Way{"mean_strided", kMean, kRepeat, false, kStrided},
                      Way{"separable_halved", kCentre, kZeros, true, kHalved},
                      Way{"separable_whole", kCentre, kZeros, true, kWhole},
                      Way{"separable_mean_halved", kMean, kRepeat, true, kHalved},
                      Way{"separable_mean_whole", kMean, kRepeat, true, kWhole}),
    [](const auto& info) { return info.param.name; });

TEST(Inflation, ByMeanEveryTapHasItsShare) {
  const Network picture = picture_network("micro", 7);
  Network network({.form = "clip",
                   .variant = "micro",
                   .classes = 11,
                   .kernel = Extent3{5, 7, 7},
                   .time_padding = TimePadding::kReplicate,
                   .inflation = Inflation::kMean});
  MemoryTensorFile file = file_of(picture);
  load_weights(network, file, HeadRule::kLoad);
  std::map<std::string, std::string> names{
      {"downsample_layers.0.0.weight", "downsample_layers.0.0.weight"},
      {"stages.0.0.dwconv.weight", "stages.0.0.dwconv.weight"},
      {"stages.1.0.dwconv.lk_origin.weight", "stages.1.0.dwconv.lk_origin.weight"},
      {"stages.1.0.dwconv.dil_conv_k3x3x3_1x2x2.weight", "stages.1.0.dwconv.dil_conv_k3_2.weight"}};
  std::size_t seen = 0;
  for (const NamedTensor& entry : network.entries()) {
    if (!names.contains(entry.name)) continue;
    ++seen;
    for (std::int64_t tap = 0; tap < entry.tensor.size(2); ++tap) {
      EXPECT_TRUE(
          entry.tensor.select(2, tap).equal(file.tensor(names[entry.name]) / entry.tensor.size(2)))
          << entry.name << " tap " << tap;
    }
  }
  EXPECT_EQ(seen, names.size());
}

/// What a separable network takes from a model of pictures of variant A.
TEST(Inflation, PartsForTimeAreNotMissedInAModelOfPictures) {
  Network network({.form = "clip", .variant = "a", .classes = 11, .separable_time = true});
  const auto loaded = load_weights(network, file_of(picture_network("a", 13)), HeadRule::kLoad);
  EXPECT_THAT(loaded.missing, IsEmpty());
  EXPECT_THAT(loaded.unexpected, IsEmpty());
  EXPECT_EQ(loaded.inflated, 1 + 2);  // the stem and two small kernels
  EXPECT_EQ(loaded.zero_initialized, 10);
}

TEST(Inflation, APartForTimeMissingInAModelOfClipsIsTold) {
  const ModelOptions options{.form = "clip",
                             .variant = "micro",
                             .classes = 11,
                             .kernel = Extent3{5, 7, 7},
                             .separable_time = true};
  MemoryTensorFile file = file_of(Network(options));
  file.all().erase("stages.1.0.dwconv.time_conv.weight");
  Network network(options);
  const auto loaded = load_weights(network, file, HeadRule::kLoad);
  EXPECT_THAT(loaded.missing, ElementsAre("stages.1.0.dwconv.time_conv.weight"));
  EXPECT_EQ(loaded.zero_initialized, 0);
}

TEST(Inflation, ASilentPartForTimeMustNotBeFrozen) {
  Network network({.form = "clip",
                   .variant = "micro",
                   .classes = 11,
                   .kernel = Extent3{5, 7, 7},
                   .separable_time = true,
                   .freeze_stages = 2});
  const auto file = file_of(picture_network("micro", 7));
  const auto refusal =
      larkspur::testing::refusal_of([&] { load_weights(network, file, HeadRule::kLoad); });
  EXPECT_THAT(refusal.text, ::testing::HasSubstr("has no stages.1.0.dwconv.time_conv.weight"));
  EXPECT_THAT(refusal.text, ::testing::HasSubstr("model.freeze_stages"));
}

/// Silent is not dead: the first step moves it.
TEST(Inflation, ASilentPartForTimeLearns) {
  Network network({.form = "clip",
                   .variant = "micro",
                   .classes = 11,
                   .kernel = Extent3{5, 7, 7},
                   .separable_time = true});
  load_weights(network, file_of(picture_network("micro", 7)), HeadRule::kLoad);
  network.set_training(true);
  pipeline::Batch batch;
  batch.inputs["input"] = larkspur::testing::golden_clip({2, 3, 8, 64, 64});
  batch.keys.resize(2);
  network.forward(batch).square().sum().backward();
  for (const auto& parameter : network.parameters()) {
    if (!parameter.name.ends_with("time_bn.weight")) continue;
    EXPECT_EQ(parameter.tensor.abs().max().item<double>(), 0.0) << parameter.name;
    EXPECT_GT(parameter.tensor.grad().abs().max().item<double>(), 0.0) << parameter.name;
  }
}

}  // namespace
}  // namespace larkspur::model3d
