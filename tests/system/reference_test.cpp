// SPDX-License-Identifier: Apache-2.0
// The whole training engine against the same mathematics written down plainly: autograd lane by
// lane, torch's own clipping and AdamW, statistics averaged by hand.
#include <cmath>
#include <memory>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "model3d/network.h"
#include "pipeline/train/trainer.h"
#include "tests/support/thread_ranks.h"
#include "tests/support/train_rank.h"

namespace larkspur {
namespace {

using pipeline::Batch;

constexpr int kLanes = 4;
constexpr std::int64_t kSteps = 10;
constexpr std::int64_t kClasses = 3;
constexpr double kPeak = 2e-3;
constexpr double kSmoothing = 0.1;
constexpr double kClip = 0.5;
// Some biases stand in front of a batch norm: their gradient is zero but for rounding, which an
// epsilon of 1e-8 would turn into steps of full size, different ones here and there.
constexpr double kEpsilon = 1e-3;
constexpr pipeline::AdamWOptions kAdamW{0.9, 0.95, kEpsilon, 0.1, kClip};

/// How the layers are told apart.
struct Recipe {
  double layer_decay = 1.0;
  std::int64_t freeze_stages = 0;
};

model3d::ModelOptions micro_network(const Recipe& recipe = {}) {
  model3d::ModelOptions options;
  options.variant = "micro";
  options.classes = kClasses;
  options.kernel = model3d::Extent3{7, 7, 7};
  options.drop_path = 0.2;
  options.layer_scale = 0.5;
  options.seed = 7;
  options.freeze_stages = recipe.freeze_stages;
  return options;
}

/// Variant micro has a group for the stem, one for each stage with what stands before it, and one
/// for the rest.
int group_of(const std::string& name) {
  for (const std::string stem_or_stage : {"downsample_layers.", "stages."}) {
    if (!name.starts_with(stem_or_stage)) continue;
    const int stage = name[stem_or_stage.size()] - '0';
    return stem_or_stage == "stages." || stage > 0 ? stage + 1 : 0;
  }
  return 5;
}

bool is_frozen(const std::string& name, const Recipe& recipe) {
  return recipe.freeze_stages > 0 && group_of(name) <= recipe.freeze_stages;
}

testing::ToySource voxel_source() { return testing::ToySource(80, {1, 24, 24, 24}, kClasses); }

pipeline::TrainOptions ten_steps() {
  pipeline::TrainOptions options;
  options.seed = 5;
  options.epochs = 2;
  options.global_batch = 16;
  options.lanes = kLanes;
  options.learning_rate = kPeak;
  options.warmup_epochs = 0.4;
  options.label_smoothing = kSmoothing;
  return options;
}

/// Trains on `ranks` threads; leaves rank 0's network in `trained`.
void train_on(int ranks, model3d::Network& trained, const Recipe& recipe = {}) {
  testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
    std::unique_ptr<model3d::Network> mine;
    if (group.rank() != 0) mine = std::make_unique<model3d::Network>(micro_network(recipe));
    model3d::Network& network = mine ? *mine : trained;
    pipeline::AdamWOptions adamw = kAdamW;
    adamw.layer_decay = recipe.layer_decay;
    pipeline::TrainState state(network, 8192, group.rank(), group.size(), adamw);
    testing::train_rank(group, network, voxel_source(), state, ten_steps());
    EXPECT_EQ(state.step, kSteps);
  });
}

/// Two warm-up steps, then half a cosine over the other eight.
double learning_rate(std::int64_t step) {
  if (step < 2) return kPeak * static_cast<double>(step + 1) / 2.0;
  return kPeak * 0.5 * (1.0 + std::cos(std::numbers::pi * static_cast<double>(step - 2) / 8.0));
}

Batch lane_batch(const pipeline::SampleSource& source, std::int64_t step, int lane) {
  const auto epoch = static_cast<std::uint32_t>(step / 5);
  const pipeline::EpochOrder order(80, 5, epoch);
  std::vector<pipeline::Sample> samples;
  std::vector<pipeline::SampleKey> keys;
  for (std::int64_t i = 0; i < 4; ++i) {
    const std::int64_t position = step % 5 * 16 + lane * 4 + i;
    keys.push_back({5, epoch, static_cast<std::uint32_t>(order(position)), 0});
    samples.push_back(source.read(keys.back()).value());
  }
  return pipeline::collate(samples, keys, {});
}

std::vector<at::Tensor> clones(const std::vector<pipeline::Statistic>& statistics) {
  std::vector<at::Tensor> copies;
  for (const auto& statistic : statistics) copies.push_back(statistic.tensor.clone());
  return copies;
}

/// One step's gradients and statistics, the lanes' gradients added pair by pair.
void reference_lanes(model3d::Network& network,
                     std::int64_t step,
                     const std::vector<pipeline::Parameter>& parameters) {
  const auto source = voxel_source();
  const auto statistics = network.statistics();
  const auto start = clones(statistics);
  std::vector<std::vector<at::Tensor>> gradients;
  std::vector<std::vector<at::Tensor>> left;
  for (int lane = 0; lane < kLanes; ++lane) {
    for (std::size_t i = 0; i < start.size(); ++i) statistics[i].tensor.copy_(start[i]);
    const Batch batch = lane_batch(source, step, lane);
    at::cross_entropy_loss(
        network.forward(batch), batch.labels, {}, at::Reduction::Mean, -100, kSmoothing)
        .backward();
    gradients.emplace_back();
    for (const auto& parameter : parameters) {
      gradients.back().push_back(parameter.tensor.grad().clone());
      parameter.tensor.grad().zero_();
    }
    left.push_back(clones(statistics));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor sum =
        (gradients[0][i] + gradients[1][i]) + (gradients[2][i] + gradients[3][i]);
    parameters[i].tensor.mutable_grad().copy_(sum / 4.0);
  }
  for (std::size_t i = 0; i < start.size(); ++i) {
    statistics[i].tensor.copy_((left[0][i] + left[1][i] + left[2][i] + left[3][i]) / 4.0);
  }
}

void train_reference(model3d::Network& network, const Recipe& recipe = {}) {
  network.set_training(true);
  using torch::optim::AdamWOptions;
  const auto with_decay = [](double decay) {
    return std::make_unique<AdamWOptions>(
        AdamWOptions(kPeak).betas({0.9, 0.95}).eps(kEpsilon).weight_decay(decay));
  };
  std::vector<pipeline::Parameter> trained;
  std::vector<at::Tensor> all;
  std::vector<torch::optim::OptimizerParamGroup> groups;  // of one parameter each
  for (const auto& parameter : network.parameters()) {
    if (is_frozen(parameter.name, recipe)) continue;
    trained.push_back(parameter);
    all.push_back(parameter.tensor);
    groups.push_back({{parameter.tensor}, with_decay(parameter.decays ? 0.1 : 0.0)});
  }
  torch::optim::AdamW optimizer(groups, *with_decay(0.0));
  for (std::int64_t step = 0; step < kSteps; ++step) {
    reference_lanes(network, step, trained);
    torch::nn::utils::clip_grad_norm_(all, kClip);
    for (std::size_t i = 0; i < trained.size(); ++i) {
      const double factor = std::pow(recipe.layer_decay, 5 - group_of(trained[i].name));
      optimizer.param_groups()[i].options().set_lr(factor * learning_rate(step));
    }
    optimizer.step();
    for (const at::Tensor& parameter : all) parameter.mutable_grad().zero_();
  }
}

/// Entries that mathematics leaves at zero and rounding does not: a bias whose sum goes into a
/// batch norm, and the mean that such a norm sees.
bool is_zero_in_theory(const std::string& name) {
  const auto ends_with = [&](const char* end) { return name.ends_with(end); };
  return ends_with(".act.1.beta") || ends_with("origin_bn.bias") ||
         (name.find(".dil_bn_") != std::string::npos && ends_with(".bias")) ||
         ends_with(".norm.running_mean");
}

/// Distance over the norm of what is expected; for entries that are zero in theory, over what one
/// step at the peak rate would move them by.
double relative_distance(const std::string& name,
                         const at::Tensor& found,
                         const at::Tensor& expected) {
  const at::Tensor wide = expected.detach().to(at::kDouble);
  const double distance = (found.detach().to(at::kDouble) - wide).norm().item<double>();
  if (distance == 0.0) return 0.0;  // a frozen bias is zero on both sides
  const double one_step = kPeak * std::sqrt(static_cast<double>(wide.numel()));
  return distance / (is_zero_in_theory(name) ? one_step : wide.norm().item<double>());
}

/// Ten steps on one and on three ranks against plain torch.
void expect_agreement(const Recipe& recipe) {
  model3d::Network expected(micro_network(recipe));
  train_reference(expected, recipe);
  for (const int ranks : {1, 3}) {
    model3d::Network found(micro_network(recipe));
    train_on(ranks, found, recipe);
    const auto parameters = expected.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_LE(
          relative_distance(parameters[i].name, found.parameters()[i].tensor, parameters[i].tensor),
          1e-5)
          << parameters[i].name << " on " << ranks << " ranks";
    }
    const auto statistics = expected.statistics();
    for (std::size_t i = 0; i < statistics.size(); ++i) {
      EXPECT_LE(
          relative_distance(statistics[i].name, found.statistics()[i].tensor, statistics[i].tensor),
          1e-5)
          << statistics[i].name << " on " << ranks << " ranks";
    }
  }
}

TEST(Reference, TenStepsOnOneAndThreeRanksAgreeWithPlainTorch) { expect_agreement({}); }

TEST(Reference, RatesThatFallTowardsTheInputAgreeWithPlainTorch) { expect_agreement({0.5, 0}); }

TEST(Reference, FrozenStagesAgreeWithPlainTorchAndKeepEveryBit) {
  const Recipe recipe{0.5, 2};
  expect_agreement(recipe);
  const model3d::Network fresh(micro_network(recipe));
  for (const int ranks : {1, 2}) {
    model3d::Network trained(micro_network(recipe));
    train_on(ranks, trained, recipe);
    const auto before = fresh.entries();
    const auto after = trained.entries();
    for (std::size_t i = 0; i < before.size(); ++i) {
      const bool kept = at::equal(before[i].tensor, after[i].tensor);
      const bool wanders = before[i].name == "stages.2.0.pwconv1.1.weight";
      EXPECT_TRUE(kept || !is_frozen(before[i].name, recipe)) << before[i].name;
      EXPECT_FALSE(kept && wanders);
    }
  }
}

TEST(Reference, DecayAndFreezingGiveTheSameBitsOnAnyNumberOfRanks) {
  const Recipe recipe{0.7, 1};
  model3d::Network alone(micro_network(recipe));
  train_on(1, alone, recipe);
  for (const int ranks : {2, 3}) {
    model3d::Network shared(micro_network(recipe));
    train_on(ranks, shared, recipe);
    for (std::size_t i = 0; i < alone.entries().size(); ++i) {
      EXPECT_TRUE(at::equal(alone.entries()[i].tensor, shared.entries()[i].tensor))
          << alone.entries()[i].name << " on " << ranks << " ranks";
    }
  }
}

/// Twelve float16 steps of the toy; the first ones overflow. Returns its weights.
at::Tensor train_toy_in_half(int ranks, pipeline::LossScaler& scaler) {
  at::Tensor weights;
  testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
    const testing::ToySource source(96, {5}, kClasses);
    const auto toy = testing::make_toy_classifier(5, kClasses, 1, 5000.0);
    pipeline::TrainState state(*toy, 64, group.rank(), group.size(), kAdamW);
    pipeline::TrainOptions options = ten_steps();
    options.precision = pipeline::Precision::kFloat16;
    testing::train_rank(group, *toy, source, state, options);
    if (group.rank() != 0) return;
    weights = state.parameters.values();
    scaler = state.scaler;
  });
  return weights;
}

TEST(Reference, AStepThatOverflowsIsSkippedAlikeOnAnyNumberOfRanks) {
  pipeline::LossScaler alone;
  const at::Tensor expected = train_toy_in_half(1, alone);
  EXPECT_GT(alone.skipped(), 0);
  EXPECT_LT(alone.skipped(), 12);
  for (const int ranks : {2, 3}) {
    pipeline::LossScaler shared;
    EXPECT_TRUE(at::equal(train_toy_in_half(ranks, shared), expected)) << ranks;
    EXPECT_EQ(shared, alone) << ranks;
  }
}

TEST(Reference, TenStepsMoveEveryWeightFarBeyondThatTolerance) {
  model3d::Network trained(micro_network());
  train_on(1, trained);
  const auto fresh = model3d::Network(micro_network()).parameters();
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const pipeline::Parameter& before = fresh[i];
    if (before.tensor.norm().item<double>() == 0.0) continue;  // biases begin at zero
    EXPECT_GT(relative_distance(before.name, trained.parameters()[i].tensor, before.tensor), 1e-4)
        << before.name;
  }
}

}  // namespace
}  // namespace larkspur
