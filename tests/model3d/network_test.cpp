// SPDX-License-Identifier: Apache-2.0
#include "model3d/network.h"

#include <map>
#include <set>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/precision.h"
#include "pipeline/require.h"
#include "tests/support/called_ops.h"
#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

ModelOptions small_voxel() {
  return {.variant = "micro", .classes = 5, .kernel = Extent3{7, 7, 7}, .layer_scale = 0.5};
}

pipeline::Batch grids(std::int64_t first, std::int64_t count, std::int64_t size = 16) {
  pipeline::Batch batch;
  const at::Tensor all = golden_noise("grids", {8, 1, size, size, size});
  batch.inputs["input"] = all.narrow(0, first, count).gt(0.6).to(at::kFloat);
  for (std::int64_t i = first; i < first + count; ++i) {
    batch.keys.push_back({.seed = 3, .epoch = 1, .sample = static_cast<std::uint32_t>(i)});
  }
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

using Shape = std::vector<std::int64_t>;

/// Of a whole training pass: a GPU would be drained by every value that the host reads.
TEST(Network, TrainsWithoutReadingAValueOnTheHost) {
  const std::vector<ModelOptions> kinds{
      small_voxel(),
      {.form = "image", .variant = "micro", .classes = 5, .drop_path = 0.5},
      {.form = "clip", .variant = "micro", .classes = 5, .drop_path = 0.5}};
  for (const ModelOptions& options : kinds) {
    SCOPED_TRACE(options.form);
    Network network(options);
    network.set_training(true);
    pipeline::Batch batch = grids(0, 2);
    if (options.form == "image") batch.inputs["input"] = golden_noise("x", {2, 3, 32, 32});
    if (options.form == "clip") batch.inputs["input"] = golden_noise("x", {2, 3, 4, 32, 32});
    const testing::CalledOps scalars("aten::_local_scalar_dense");
    network.forward(batch).sum().backward();
    EXPECT_THAT(testing::CalledOps::seen(), ::testing::IsEmpty());
  }
}

TEST(Network, WalksAGridOf32ThroughTheShapesOfTheReadme) {
  const Network network({.variant = "micro", .classes = 5});
  std::map<std::string, std::vector<std::int64_t>> shapes;
  network.backbone().forward(
      grids(0, 1, 32).inputs["input"], {}, [&](const auto& layer, const auto& y) {
        shapes[layer] = y.sizes().vec();
      });
  EXPECT_EQ(shapes.at("downsample_layers.0"), (Shape{1, 16, 16, 16, 16}));
  EXPECT_EQ(shapes.at("stages.1.0"), (Shape{1, 32, 8, 8, 8}));
  EXPECT_EQ(shapes.at("stages.2.1"), (Shape{1, 64, 4, 4, 4}));
  EXPECT_EQ(shapes.at("stages.3.0"), (Shape{1, 128, 2, 2, 2}));
}

/// Shapes of all layers and parameters on a clip of 16 frames of 32 x 32.
std::map<std::string, std::vector<std::int64_t>> walk_clip(const ModelOptions& options) {
  const at::NoGradGuard no_grad;
  const Network network(options);
  std::map<std::string, std::vector<std::int64_t>> shapes;
  const at::Tensor clip = larkspur::testing::golden_clip({1, 3, 16, 32, 32});
  network.backbone().forward(
      network.form().as_map(clip), {}, [&](const auto& layer, const auto& y) {
        shapes[layer] = y.sizes().vec();
      });
  for (const auto& parameter : network.parameters()) {
    shapes[parameter.name] = parameter.tensor.sizes().vec();
  }
  return shapes;
}

TEST(Network, WalksAClipThroughTheShapesOfTheReadme) {
  const auto shapes = walk_clip({.form = "clip", .variant = "a", .classes = 5});
  EXPECT_EQ(shapes.at("downsample_layers.0"), (Shape{1, 40, 8, 8, 8}));
  EXPECT_EQ(shapes.at("stages.1.0"), (Shape{1, 80, 8, 4, 4}));
  EXPECT_EQ(shapes.at("stages.2.5"), (Shape{1, 160, 8, 2, 2}));
  EXPECT_EQ(shapes.at("stages.3.0"), (Shape{1, 320, 8, 1, 1}));
  EXPECT_EQ(shapes.at("downsample_layers.0.0.weight"), (Shape{20, 3, 3, 3, 3}));
  EXPECT_EQ(shapes.at("downsample_layers.1.0.weight"), (Shape{80, 40, 1, 3, 3}));
  EXPECT_EQ(shapes.at("stages.0.0.dwconv.weight"), (Shape{40, 1, 3, 3, 3}));
  EXPECT_EQ(shapes.at("stages.3.0.dwconv.lk_origin.weight"), (Shape{320, 1, 5, 13, 13}));
  EXPECT_TRUE(shapes.contains("stages.1.0.dwconv.dil_conv_k3x3x3_2x4x4.weight"));
}

TEST(Network, TimeHasStridesAndTapsOfItsOwnInEveryStage) {
  const auto shapes = walk_clip({.form = "clip",
                                 .variant = "micro",
                                 .classes = 5,
                                 .kernel = Extent3{5, 7, 7},
                                 .stem_stride = 2,
                                 .temporal_strides = TemporalStrides{1, 2, 1, 2},
                                 .temporal_taps = Extent3{7, 0, 1}});
  EXPECT_EQ(shapes.at("downsample_layers.0"), (Shape{1, 16, 16, 16, 16}));
  EXPECT_EQ(shapes.at("stages.1.0"), (Shape{1, 32, 8, 8, 8}));
  EXPECT_EQ(shapes.at("stages.2.0"), (Shape{1, 64, 8, 4, 4}));
  EXPECT_EQ(shapes.at("stages.3.0"), (Shape{1, 128, 4, 2, 2}));
  EXPECT_EQ(shapes.at("stages.1.0.dwconv.lk_origin.weight"), (Shape{32, 1, 7, 7, 7}));
  EXPECT_EQ(shapes.at("stages.2.0.dwconv.lk_origin.weight"), (Shape{64, 1, 5, 7, 7}));
  EXPECT_EQ(shapes.at("stages.3.0.dwconv.lk_origin.weight"), (Shape{128, 1, 1, 7, 7}));
}

/// Whether an entry is in the stem or in stage 1 or 2.
bool in_first_two(const std::string& name) {
  for (const char* part :
       {"downsample_layers.0.", "downsample_layers.1.", "stages.0.", "stages.1."})
    if (name.starts_with(part)) return true;
  return false;
}

TEST(Network, FrozenStagesAreInTrainingWhatTheyAreInEvaluation) {
  ModelOptions options = small_voxel();
  options.drop_path = 0.9;
  Network free(options);
  options.freeze_stages = 2;
  Network frozen(options);
  scatter_statistics(free);
  scatter_statistics(frozen);
  std::map<std::string, at::Tensor> evaluated;
  free.backbone().forward(grids(0, 4).inputs["input"], {}, [&](const auto& layer, const auto& y) {
    evaluated[layer] = y.detach();
  });
  const pipeline::Batch batch = grids(0, 4);
  const Pass pass{.training = true, .keys = batch.keys};
  int fixed = 0;
  int other = 0;
  frozen.backbone().forward(batch.inputs["input"], pass, [&](const auto& layer, const auto& y) {
    const bool same = at::equal(y, evaluated.at(layer));
    ++(in_first_two(layer + ".") ? fixed : other);
    EXPECT_EQ(same, in_first_two(layer + ".") || layer == "downsample_layers.2") << layer;
    EXPECT_EQ(y.requires_grad(), !in_first_two(layer + ".")) << layer;
  });
  EXPECT_EQ(fixed, 4);  // two strided convolutions, two stages of one block
  EXPECT_EQ(other, 5);
}

TEST(Network, FrozenStagesGetNoGradientAndKeepTheirStatistics) {
  ModelOptions options = small_voxel();
  options.freeze_stages = 2;
  Network network(options);
  network.set_training(true);
  std::map<std::string, at::Tensor> before;
  for (const auto& statistic : network.statistics()) {
    before[statistic.name] = statistic.tensor.clone();
  }
  network.forward(grids(0, 4)).square().sum().backward();
  for (const auto& parameter : network.parameters()) {
    EXPECT_EQ(parameter.frozen, in_first_two(parameter.name)) << parameter.name;
    EXPECT_EQ(parameter.tensor.grad().defined(), !parameter.frozen) << parameter.name;
  }
  for (const auto& statistic : network.statistics()) {
    EXPECT_EQ(at::equal(statistic.tensor, before.at(statistic.name)), in_first_two(statistic.name))
        << statistic.name;
  }
}

TEST(Network, ComputesInReducedPrecisionOnACpuNearlyWhatFloat32Does) {
  const auto gradients_in = [](pipeline::Precision precision, at::Tensor& logits) {
    Network network(small_voxel());
    network.set_training(true);
    pipeline::PrecisionScope scope(precision, at::kCPU);
    logits = network.forward(grids(0, 4));
    scope.end();
    logits.to(at::kFloat).square().sum().backward();
    std::vector<at::Tensor> gradients;
    for (const auto& parameter : network.parameters()) {
      gradients.push_back(parameter.tensor.grad().flatten());
    }
    return at::cat(gradients);
  };
  at::Tensor expected_logits;
  const at::Tensor expected = gradients_in(pipeline::Precision::kFloat32, expected_logits);
  for (const auto& [precision, type, tolerance] :
       {std::tuple{pipeline::Precision::kBFloat16, at::kFloat, 0.05},
        std::tuple{pipeline::Precision::kFloat16, at::kHalf, 0.015}}) {
    at::Tensor logits;
    const at::Tensor found = gradients_in(precision, logits);
    EXPECT_EQ(logits.scalar_type(), type);
    EXPECT_EQ(found.scalar_type(), at::kFloat);
    EXPECT_LT((logits - expected_logits).norm().item<double>(),
              tolerance * expected_logits.norm().item<double>());
    EXPECT_LT(
        (found - expected).norm().item<double>(),  // twice as many roundings deep, and BatchNorm
        4 * tolerance * expected.norm().item<double>());
  }
}

TEST(Network, RefusesToFreezeMoreStagesThanThereAre) {
  ModelOptions options = small_voxel();
  options.freeze_stages = 5;
  EXPECT_THROW(Network{options}, pipeline::Error);
}

TEST(Network, TellsTheOrderOfFramesAndTrainsOnAClip) {
  Network network({.form = "clip", .variant = "micro", .classes = 5, .kernel = Extent3{3, 7, 7}});
  larkspur::testing::fill_by_formula(network.parameters());
  pipeline::Batch batch;
  batch.inputs["input"] = larkspur::testing::golden_clip({2, 3, 4, 32, 32});
  batch.keys.resize(2);
  const at::Tensor forwards = network.forward(batch);
  batch.inputs["input"] = batch.inputs["input"].flip({2});
  EXPECT_GT((network.forward(batch) - forwards).abs().max().item<double>(), 1e-3);
  network.set_training(true);
  network.forward(batch).square().sum().backward();
  for (const auto& parameter : network.parameters()) {
    EXPECT_TRUE(parameter.tensor.grad().isfinite().all().item<bool>()) << parameter.name;
  }
}

TEST(Network, MergedGivesTheLogitsOfTheTrainedOne) {
  const at::NoGradGuard no_grad;
  Network network(small_voxel());
  larkspur::testing::fill_by_formula(network.parameters());
  scatter_statistics(network);
  const at::Tensor trained = network.forward(grids(0, 4));
  network.merge();
  const at::Tensor merged = network.forward(grids(0, 4));
  EXPECT_GT((trained[0] - trained[1]).abs().max().item<double>(), 1e-3) << "blind to its input";
  const double largest_logit = trained.abs().max().item<double>();
  const double difference = (merged - trained).abs().max().item<double>();
  RecordProperty("relative_difference", pipeline::text_of(difference / largest_logit));
  EXPECT_LE(difference, larkspur::testing::kMergedNetworkRelative * largest_logit);
  EXPECT_TRUE(network.statistics().empty());
  EXPECT_THROW(network.set_training(true), pipeline::Error);
}

TEST(Network, GivesTheSameBitsTwice) {
  const auto step = [] {
    Network network(small_voxel());
    network.set_training(true);
    network.forward(grids(0, 4)).square().sum().backward();
    std::vector<at::Tensor> results;
    for (const auto& parameter : network.parameters()) results.push_back(parameter.tensor.grad());
    for (const auto& statistic : network.statistics()) results.push_back(statistic.tensor);
    return results;
  };
  const auto first = step();
  const auto second = step();
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(first[i].equal(second[i])) << i;
}

TEST(Network, EverySeedHasItsOwnWeightsAndEveryEntryItsOwnDraw) {
  ModelOptions options = small_voxel();
  const Network first(options);
  options.seed = 1;
  const Network second(options);
  std::set<float> firsts;
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < first.parameters().size(); ++i) {
    const auto parameter = first.parameters()[i];
    const bool constant =
        parameter.tensor.flatten()[0].item<float>() == parameter.tensor.flatten()[1].item<float>();
    if (constant) continue;
    ++drawn;
    firsts.insert(parameter.tensor.flatten()[0].item<float>());
    EXPECT_FALSE(parameter.tensor.equal(second.parameters()[i].tensor)) << parameter.name;
  }
  EXPECT_GT(drawn, 30U);
  EXPECT_EQ(firsts.size(), drawn);
}

TEST(Network, RandomDepthChangesTrainingOnly) {
  ModelOptions options = small_voxel();
  Network plain(options);
  options.drop_path = 0.5;
  Network random(options);
  EXPECT_TRUE(plain.forward(grids(0, 4)).equal(random.forward(grids(0, 4))));
  plain.set_training(true);
  random.set_training(true);
  EXPECT_FALSE(plain.forward(grids(0, 4)).equal(random.forward(grids(0, 4))));
}

TEST(Network, EvaluatesEverySampleOnItsOwn) {
  const at::NoGradGuard no_grad;
  Network network(small_voxel());
  const at::Tensor together = network.forward(grids(0, 4));
  const at::Tensor alone = network.forward(grids(2, 1));
  EXPECT_TRUE(together[2].allclose(alone[0], 1e-5, 1e-6));
}

TEST(Network, TrainsOnASingleSampleThatEndsInASinglePlace) {
  Network network(small_voxel());
  network.set_training(true);
  const at::Tensor logits = network.forward(grids(0, 1));
  logits.square().sum().backward();
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
  for (const auto& parameter : network.parameters()) {
    EXPECT_TRUE(parameter.tensor.grad().isfinite().all().item<bool>()) << parameter.name;
  }
  for (const auto& statistic : network.statistics()) {
    EXPECT_TRUE(statistic.tensor.isfinite().all().item<bool>()) << statistic.name;
  }
}

TEST(Network, HasTheGradientOfItsFiniteDifferences) {
  Network network(small_voxel());
  larkspur::testing::fill_by_formula(network.parameters());
  network.set_training(true);
  pipeline::Batch batch = grids(0, 2);
  batch.inputs["input"] = golden_noise("x", {2, 1, 16, 16, 16}).to(at::kDouble);
  std::vector<at::Tensor> leaves;
  for (auto& parameter : network.parameters()) leaves.push_back(parameter.tensor);
  for (at::Tensor& leaf : leaves) leaf.set_data(leaf.detach().to(at::kDouble));
  for (auto& statistic : network.statistics()) {
    statistic.tensor.set_data(statistic.tensor.to(at::kDouble));
  }
  const at::Tensor weights = golden_noise("weights", {2, 5}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      leaves, [&] { return (network.forward(batch) * weights).sum(); });
}

TEST(Network, TheHeadStartsScaled) {
  ModelOptions options = small_voxel();
  const at::Tensor plain = Network(options).forward(grids(0, 2));
  options.head_scale = 0.25;
  EXPECT_TRUE(Network(options).forward(grids(0, 2)).equal(0.25 * plain));
}

void expect_refusal(const ModelOptions& options, const std::string& text) {
  EXPECT_THAT([&] { make_classifier(options); },
              ::testing::ThrowsMessage<pipeline::Error>(::testing::HasSubstr(text)));
}

TEST(Network, RefusesOptionsByNameAndValue) {
  expect_refusal({.classes = 0}, "[model] classes: 0 is not > 0");
  expect_refusal({.form = "mesh", .classes = 2}, "mesh");
  expect_refusal({.variant = "q", .classes = 2}, "\"q\"");
  expect_refusal({.classes = 2, .kernel = Extent3{7, 8, 7}},
                 "kernel: 7x8x7 holds 8, which is not odd");
  expect_refusal({.classes = 2, .kernel = Extent3{19, 19, 19}}, "19x19x19");
  expect_refusal({.classes = 2, .stem_stride = 3}, "stem_stride: 3 is not 2 or 4");
  expect_refusal({.form = "image", .classes = 2, .kernel = Extent3{7, 7, 7}},
                 "kernel: 7x7x7: form image has two axes, the first must be 1, not 7");
  expect_refusal({.form = "clip", .classes = 2, .temporal_strides = TemporalStrides{3, 1, 1, 1}},
                 "temporal_strides: 3 is not 1, 2 or 4, as the stem's must be");
  expect_refusal({.form = "clip", .classes = 2, .temporal_strides = TemporalStrides{1, 1, 4, 1}},
                 "temporal_strides: 4 is not 1 or 2, as those behind the stem must be");
  expect_refusal({.form = "clip", .classes = 2, .temporal_taps = Extent3{3, 4, 3}},
                 "temporal_taps: 3x4x3 holds 4, which is not odd");
  expect_refusal({.classes = 2, .drop_path = 1.0}, "drop_path: 1 is not in");
  expect_refusal({.classes = 2, .layer_scale = 0.0}, "layer_scale: 0 is not");
  expect_refusal({.classes = 2, .head_scale = -1.0}, "head_scale: -1 is not");
}

TEST(Network, NoTwoEntriesOfAVariantShareADraw) {
  for (const char* variant : {"micro", "a"}) {
    std::set<std::uint32_t> keys;
    const Network network({.variant = variant, .classes = 2, .kernel = Extent3{7, 7, 7}});
    for (const auto& parameter : network.parameters()) {
      EXPECT_TRUE(keys.insert(pipeline::name_key(parameter.name)).second) << parameter.name;
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
