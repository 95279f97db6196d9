// SPDX-License-Identifier: Apache-2.0
// What becomes of values on small and lean maps, and of values that float16 does not hold: the
// figures of README, "Large values".
#include <cmath>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "tests/support/golden_formula.h"
#include "tests/support/network_entry.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::fill_by_formula;
using larkspur::testing::golden_image;
using larkspur::testing::golden_noise;

constexpr double kLargestHalf = 65504.0;

bool is_finite(const at::Tensor& x) { return at::isfinite(x).all().item<bool>(); }

double largest_of(const at::Tensor& x) { return x.abs().max().item<double>(); }

/// Variant A by the formula, the variances that stage 3 keeps multiplied: 1/16 is what maps four
/// times as wide as those of the training look like to it.
Network variant_a(double variances, bool norm_before = false) {
  Network network(
      {.form = "image", .variant = "a", .classes = 10, .norm_before_downsampling = norm_before});
  fill_by_formula(network.entries());
  for (const NamedTensor& entry : network.entries()) {
    if (entry.name.starts_with("stages.2.") && entry.name.ends_with("running_var")) {
      entry.tensor.mul_(variances);
    }
  }
  return network;
}

/// Stage 3 of an image of people, 384 x 128: a map of 24 x 8, and of 12 x 4 behind it.
struct Stage3 {
  std::vector<double> largest;  ///< before the stage, then after each block
  at::Tensor output;
};

Stage3 stage_3(const Network& network, bool training) {
  const at::NoGradGuard no_grad;
  const std::vector<pipeline::SampleKey> keys(2);
  Stage3 stage;
  network.backbone().forward(
      golden_image({2, 3, 384, 128}).unsqueeze(2),
      {.training = training, .keys = keys},
      [&](const std::string& layer, const at::Tensor& y) {
        if (!layer.starts_with("stages.2.") && layer != "downsample_layers.2") return;
        stage.largest.push_back(largest_of(y));
        stage.output = y;
      });
  return stage;
}

void expect_a_finite_step(const at::Tensor& image) {
  for (const bool norm_before : {false, true}) {
    Network network = variant_a(1.0, norm_before);
    network.set_training(true);
    pipeline::Batch batch;
    batch.inputs["input"] = image;
    batch.keys.resize(static_cast<std::size_t>(image.size(0)));
    const at::Tensor logits = network.forward(batch);
    EXPECT_TRUE(is_finite(logits));
    logits.square().sum().backward();
    for (const auto& parameter : network.parameters()) {
      EXPECT_TRUE(is_finite(parameter.tensor.grad())) << parameter.name;
    }
    for (const auto& statistic : network.statistics()) {
      EXPECT_TRUE(is_finite(statistic.tensor)) << statistic.name;
    }
  }
}

TEST(SmallMaps, TrainWithFiniteValuesAndGradients) {
  expect_a_finite_step(golden_image({1, 3, 384, 128}));            // 12 x 4 under 13 x 13
  expect_a_finite_step(golden_image({1, 3, 32, 32}));              // one place, one value a channel
  expect_a_finite_step(at::zeros({2, 3, 64, 64}));                 // channels without variance
  expect_a_finite_step(golden_image({1, 3, 64, 64}).mul_(1e-30));  // next to none
}

TEST(LargeValues, DoNotComeFromTheSizeOfAMap) {
  const Stage3 stage = stage_3(variant_a(1.0), false);
  ASSERT_EQ(stage.largest.size(), 7U);
  EXPECT_LT(stage.largest.back(), 2 * stage.largest.front());
}

TEST(LargeValues, ComeFromStatisticsOfOtherDataBlockAfterBlock) {
  const Stage3 kept = stage_3(variant_a(1.0 / 16), false);
  for (std::size_t i = 1; i < kept.largest.size(); ++i) {
    EXPECT_GT(kept.largest[i], 8 * kept.largest[i - 1]) << "block " << i - 1;
  }
  EXPECT_GT(kept.largest.back(), kLargestHalf);
  // Statistics of the batch itself hold every block's part to the same size.
  const Stage3 own = stage_3(variant_a(1.0 / 16), true);
  EXPECT_LT(own.largest.back(), 2 * own.largest.front());
}

at::Tensor half_rounded(const at::Tensor& x) { return x.to(at::kHalf).to(at::kFloat); }

at::Tensor values_of(const Network& network, const std::string& name) {
  return larkspur::testing::entry_of(network, name).detach();
}

/// The last downsampling as mixed precision computes it: the convolution takes and gives float16,
/// norms are float32.
at::Tensor half_downsampling(const Network& network, const at::Tensor& x) {
  const std::string prefix = "downsample_layers.3.";
  const auto norm = [&](const at::Tensor& y, const std::string& name) {
    LayerNorm layer(y.size(1));
    std::vector<NamedTensor> entries;
    layer.add_to(StateDict(&entries));
    for (const NamedTensor& entry : entries) {
      entry.tensor.detach().copy_(values_of(network, prefix + name + "." + entry.name));
    }
    return layer.forward(y);
  };
  const at::Tensor in = network.options().norm_before_downsampling ? norm(x, "pre_norm") : x;
  const at::Tensor sums = at::convolution(half_rounded(in),
                                          half_rounded(values_of(network, prefix + "0.weight")),
                                          half_rounded(values_of(network, prefix + "0.bias")),
                                          {1, 2, 2},
                                          {0, 1, 1},
                                          {1, 1, 1},
                                          false,
                                          {0, 0, 0},
                                          1);
  return norm(half_rounded(sums), "1");
}

TEST(LargeValues, BeyondFloat16AreNanBehindTheLastDownsamplingAndFiniteBehindAnExtraNorm) {
  const at::NoGradGuard no_grad;
  const Network published = variant_a(1.0 / 16);
  const Network remedied = variant_a(1.0 / 16, true);
  const Stage3 stage = stage_3(published, false);
  EXPECT_FALSE(is_finite(half_downsampling(published, stage.output)));
  EXPECT_TRUE(is_finite(half_downsampling(remedied, stage.output)));
  // Float32 holds them: the network as it is computed here.
  pipeline::Batch batch;
  batch.inputs["input"] = golden_image({1, 3, 384, 128});
  EXPECT_TRUE(is_finite(variant_a(1.0 / 16).forward(batch)));
}

TEST(LargeValues, OfWhichOnlyTheSumOverflowsAreNanToo) {
  const at::NoGradGuard no_grad;
  const Network published = variant_a(1.0);
  values_of(published, "downsample_layers.3.0.weight").fill_(0.02);
  const Network remedied = variant_a(1.0, true);
  values_of(remedied, "downsample_layers.3.0.weight").fill_(0.02);
  const at::Tensor x = golden_noise("x", {1, 160, 1, 8, 4}).mul(100).add(3000);
  EXPECT_LT(largest_of(x), kLargestHalf);
  EXPECT_FALSE(is_finite(half_downsampling(published, x)));
  EXPECT_TRUE(is_finite(half_downsampling(remedied, x)));
}

TEST(NormBeforeDownsampling, IsOneNormWithEntriesOfItsOwn) {
  const Network published = variant_a(1.0);
  const Network remedied = variant_a(1.0, true);
  std::vector<std::string> added;
  for (const NamedTensor& entry : remedied.entries()) {
    if (entry.name.find("pre_norm") != std::string::npos) added.push_back(entry.name);
  }
  EXPECT_EQ(added,
            (std::vector<std::string>{"downsample_layers.3.pre_norm.weight",
                                      "downsample_layers.3.pre_norm.bias"}));
  EXPECT_EQ(remedied.entries().size(), published.entries().size() + 2);
}

/// A downsampling of the same weights, with the extra norm or without.
at::Tensor downsampled(const at::Tensor& x, bool norm_before) {
  Downsample downsample({.inputs = 8, .outputs = 4}, norm_before);
  std::vector<NamedTensor> entries;
  downsample.add_to(StateDict(&entries));
  draw_weights(entries, 1);
  EXPECT_EQ(entries.front().name, norm_before ? "pre_norm.weight" : "0.weight");
  return downsample.forward(x);
}

TEST(NormBeforeDownsampling, NormalisesEveryPlaceBeforeItIsSummed) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = golden_noise("x", {1, 8, 4, 4, 4}).mul(5).add(7);
  const at::Tensor centred = x - x.mean(1, /*keepdim=*/true);
  const at::Tensor normal = centred / centred.square().mean({1}, /*keepdim=*/true).sqrt();
  EXPECT_LT(largest_of(downsampled(x, true) - downsampled(normal, false)), 1e-4);
  EXPECT_GT(largest_of(downsampled(x, true) - downsampled(x, false)), 0.1);
}

}  // namespace
}  // namespace larkspur::model3d
