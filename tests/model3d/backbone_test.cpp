// SPDX-License-Identifier: Apache-2.0
#include "model3d/backbone.h"

#include <map>

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "model3d/layers/classifier_head.h"
#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

struct Published {
  const char* variant;
  std::int64_t parameters;  ///< trainable, 1000 classes, branches apart
};

class PublishedSizes : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedSizes, HasThePublishedNumberOfParameters) {
  const Variant& variant = find_variant(GetParam().variant);
  std::vector<NamedTensor> entries;
  const Backbone backbone({.variant = variant,
                           .in_channels = 3,
                           .small_taps = {1, 3, 3},
                           .stage_taps = in_every_stage({1, 13, 13})});
  backbone.add_to(StateDict(&entries));
  const ClassifierHead head(variant.dims.back(), 1000);
  head.add_to(StateDict(&entries));
  std::int64_t parameters = 0;
  for (const NamedTensor& entry : entries) {
    if (entry.kind != TensorKind::kStatistic) parameters += entry.tensor.numel();
  }
  EXPECT_EQ(parameters, GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(Variants,
                         PublishedSizes,
                         ::testing::Values(Published{"a", 4649060},
                                           Published{"f", 6489328},
                                           Published{"p", 11080520},
                                           Published{"n", 18818880},
                                           Published{"t", 31693420},
                                           Published{"s", 56456704}));

/// Outputs of all layers in training, with random depth up to `rate`.
std::map<std::string, at::Tensor> layers_with(double rate) {
  const at::NoGradGuard no_grad;
  const Backbone backbone({.variant = find_variant("micro"),
                           .stage_taps = in_every_stage({7, 7, 7}),
                           .stem_stride = 2,
                           .drop_path = rate,
                           .layer_scale = 1.0});
  std::vector<NamedTensor> entries;
  backbone.add_to(StateDict(&entries));
  draw_weights(entries, 1);
  std::vector<pipeline::SampleKey> keys(8);
  for (std::uint32_t i = 0; i < 8; ++i) keys[i].sample = i;
  std::map<std::string, at::Tensor> layers;
  backbone.forward(larkspur::testing::golden_noise("x", {8, 1, 8, 8, 8}),
                   {.training = true, .keys = keys},
                   [&](const std::string& layer, const at::Tensor& y) { layers[layer] = y; });
  return layers;
}

TEST(Backbone, DropsNothingInItsFirstBlockAndMostInItsLast) {
  const auto plain = layers_with(0.0);
  const auto random = layers_with(0.999);
  EXPECT_TRUE(plain.at("stages.0.0").equal(random.at("stages.0.0")));
  EXPECT_FALSE(plain.at("stages.2.1").equal(random.at("stages.2.1")));
  EXPECT_TRUE(random.at("stages.3.0").equal(random.at("downsample_layers.3")));
}

TEST(Backbone, ShowsEveryLayerInOrder) {
  std::vector<std::string> seen;
  const Backbone backbone(
      {.variant = find_variant("micro"), .stage_taps = in_every_stage({3, 3, 3})});
  backbone.forward(larkspur::testing::golden_noise("x", {1, 1, 4, 4, 4}),
                   {},
                   [&](const std::string& layer, const at::Tensor&) { seen.push_back(layer); });
  const std::vector<std::string> expected{"downsample_layers.0",
                                          "stages.0.0",
                                          "downsample_layers.1",
                                          "stages.1.0",
                                          "downsample_layers.2",
                                          "stages.2.0",
                                          "stages.2.1",
                                          "downsample_layers.3",
                                          "stages.3.0"};
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace larkspur::model3d
