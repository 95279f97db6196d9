// SPDX-License-Identifier: Apache-2.0
// The network's options of time and of single stages, put together.
#include "model3d/layers/time_axis.h"

#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "tests/support/golden_formula.h"
#include "tests/support/refusal.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;
using Shape = std::vector<std::int64_t>;

ModelOptions micro_clip() {
  return {.form = "clip",
          .variant = "micro",
          .classes = 5,
          .kernel = Extent3{5, 7, 7},
          .stem_stride = 2,
          .layer_scale = 0.5};
}

std::map<std::string, Shape> shapes_of(const ModelOptions& options) {
  std::map<std::string, Shape> shapes;
  for (const NamedTensor& entry : Network(options).entries()) {
    shapes[entry.name] = entry.tensor.sizes().vec();
  }
  return shapes;
}

pipeline::Batch clips(std::int64_t frames) {
  pipeline::Batch batch;
  batch.inputs["input"] = larkspur::testing::golden_clip({2, 3, frames, 32, 32});
  batch.keys.resize(2);
  return batch;
}

/// Puts running statistics far from 0 and 1.
void scatter_statistics(const Network& network) {
  for (const auto& statistic : network.statistics()) {
    const at::Tensor noise = golden_noise(statistic.name, statistic.tensor.sizes().vec());
    const bool variance = statistic.name.ends_with("running_var");
    statistic.tensor.copy_(variance ? 2.01 + 2 * noise : noise);
  }
}

class ClipNetwork : public ::testing::TestWithParam<std::tuple<TimePadding, bool, Extent3>> {
 protected:
  static ModelOptions options() {
    ModelOptions options = micro_clip();
    options.time_padding = std::get<0>(GetParam());
    options.separable_time = std::get<1>(GetParam());
    options.temporal_taps = std::get<2>(GetParam());
    return options;
  }
};

TEST_P(ClipNetwork, MergedGivesTheLogitsOfTheTrainedOne) {
  const at::NoGradGuard no_grad;
  Network trained(options());
  Network merged(options());
  for (const Network* network : {&trained, &merged}) {
    larkspur::testing::fill_by_formula(network->parameters());
    scatter_statistics(*network);
  }
  merged.merge();
  EXPECT_TRUE(merged.statistics().empty());
  for (const std::int64_t frames : {1, 2, 3, 5, 9, 16}) {  // the stem halves them
    const at::Tensor expected = trained.forward(clips(frames));
    const double largest_logit = expected.abs().max().item<double>();
    EXPECT_GT((expected[0] - expected[1]).abs().max().item<double>(), 1e-3 * largest_logit);
    EXPECT_LE((merged.forward(clips(frames)) - expected).abs().max().item<double>(),
              larkspur::testing::kMergedNetworkRelative * largest_logit)
        << frames;
  }
}

TEST_P(ClipNetwork, TellsTheOrderOfFramesAndTrains) {
  Network network(options());
  larkspur::testing::fill_by_formula(network.parameters());
  pipeline::Batch batch = clips(7);
  const at::Tensor forwards = network.forward(batch);
  batch.inputs["input"] = batch.inputs["input"].flip({2});
  EXPECT_GT((network.forward(batch) - forwards).abs().max().item<double>(), 1e-4);
  network.set_training(true);
  network.forward(batch).square().sum().backward();
  for (const auto& parameter : network.parameters()) {
    EXPECT_TRUE(parameter.tensor.grad().isfinite().all().item<bool>()) << parameter.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Options,
                         ClipNetwork,
                         ::testing::Combine(::testing::Values(TimePadding::kZeros,
                                                              TimePadding::kReplicate),
                                            ::testing::Bool(),
                                            ::testing::Values(Extent3{5, 5, 5}, Extent3{7, 3, 1})));

TEST(SeparableTime, IsOfLargeBlocksAlone) {
  ModelOptions options = micro_clip();
  options.separable_time = true;
  options.temporal_taps = Extent3{5, 7, 1};
  const auto shapes = shapes_of(options);
  EXPECT_EQ(shapes.at("stages.0.0.dwconv.weight"), (Shape{16, 1, 3, 3, 3}));
  EXPECT_EQ(shapes.at("stages.1.0.dwconv.lk_origin.weight"), (Shape{32, 1, 1, 7, 7}));
  EXPECT_EQ(shapes.at("stages.1.0.dwconv.time_conv.weight"), (Shape{32, 1, 5, 1, 1}));
  EXPECT_EQ(shapes.at("stages.1.0.dwconv.dil_conv_k3_2.weight"), (Shape{32, 1, 1, 3, 3}));
  EXPECT_EQ(shapes.at("stages.2.0.dwconv.time_conv.weight"), (Shape{64, 1, 7, 1, 1}));
  EXPECT_FALSE(shapes.contains("stages.3.0.dwconv.time_conv.weight"));
}

/// The network with frames in other places is another one only by its padding.
TEST(TimePaddingOption, ReachesEveryConvolutionInTime) {
  const at::NoGradGuard no_grad;
  ModelOptions options = micro_clip();
  std::map<std::string, at::Tensor> outputs[2];
  for (const bool repeats : {false, true}) {
    options.time_padding = repeats ? TimePadding::kReplicate : TimePadding::kZeros;
    const Network network(options);
    larkspur::testing::fill_by_formula(network.parameters());
    network.backbone().forward(clips(4).inputs["input"], {}, [&](const auto& layer, const auto& y) {
      outputs[repeats ? 1 : 0][layer] = y;
    });
  }
  for (const auto& [layer, y] : outputs[0]) {
    EXPECT_FALSE(y.equal(outputs[1].at(layer))) << layer;
  }
}

TEST(SpatialTaps, AreThoseOfSingleStages) {
  const ModelOptions picture{
      .form = "image", .variant = "a", .classes = 5, .spatial_taps = Extent3{0, 13, 11}};
  auto shapes = shapes_of(picture);
  EXPECT_EQ(shapes.at("stages.1.0.dwconv.lk_origin.weight"), (Shape{80, 1, 1, 13, 13}));
  EXPECT_EQ(shapes.at("stages.3.0.dwconv.lk_origin.weight"), (Shape{320, 1, 1, 11, 11}));
  EXPECT_TRUE(shapes.contains("stages.2.0.dwconv.dil_conv_k7_2.weight"));
  EXPECT_FALSE(shapes.contains("stages.3.0.dwconv.dil_conv_k7_2.weight"));
  EXPECT_TRUE(shapes.contains("stages.3.0.dwconv.dil_conv_k5_2.weight"));  // the row of 11

  ModelOptions clip = micro_clip();
  clip.spatial_taps = Extent3{9, 0, 5};
  clip.temporal_taps = Extent3{3, 0, 0};
  shapes = shapes_of(clip);
  EXPECT_EQ(shapes.at("stages.1.0.dwconv.lk_origin.weight"), (Shape{32, 1, 3, 9, 9}));
  EXPECT_TRUE(shapes.contains("stages.1.0.dwconv.dil_conv_k3x3x3_1x4x4.weight"));
  EXPECT_EQ(shapes.at("stages.2.0.dwconv.lk_origin.weight"), (Shape{64, 1, 5, 7, 7}));
  EXPECT_EQ(shapes.at("stages.3.0.dwconv.weight"), (Shape{128, 1, 5, 5, 5}));
}

TEST(SpatialTaps, OfAGridCountAlongDepthToo) {
  const auto shapes = shapes_of({.variant = "micro",
                                 .classes = 5,
                                 .kernel = Extent3{7, 7, 7},
                                 .spatial_taps = Extent3{9, 0, 3}});
  EXPECT_EQ(shapes.at("stages.1.0.dwconv.lk_origin.weight"), (Shape{32, 1, 9, 9, 9}));
  EXPECT_EQ(shapes.at("stages.2.0.dwconv.lk_origin.weight"), (Shape{64, 1, 7, 7, 7}));
  EXPECT_EQ(shapes.at("stages.3.0.dwconv.weight"), (Shape{128, 1, 3, 3, 3}));
}

TEST(TimeOptions, AreRefusedByNameAndValue) {
  const auto refused = [](const ModelOptions& options) {
    return refusal_of([&] { options.check(); }).text;
  };
  EXPECT_EQ(refused({.form = "clip", .classes = 2, .inflation = Inflation::kMean}),
            "[model] inflation: mean needs time_padding replicate: beside zeros the ends of a clip "
            "would lack the share of the taps that hang over");
  EXPECT_EQ(refused({.form = "image", .classes = 2, .spatial_taps = Extent3{13, 12, 0}}),
            "[model] spatial_taps: 13x12x0 holds 12, which is not odd");
  EXPECT_THAT(refused({.form = "image", .classes = 2, .spatial_taps = Extent3{13, 19, 0}}),
              ::testing::HasSubstr("1x19x19"));
  EXPECT_EQ(refused({.form = "clip",
                     .classes = 2,
                     .temporal_taps = Extent3{19, 0, 0},
                     .separable_time = true}),
            "");  // no table of branches is asked for
}

}  // namespace
}  // namespace larkspur::model3d
