// SPDX-License-Identifier: Apache-2.0
// BatchNorm over all lanes and precise statistics with the real network: against one batch in
// float64, and the same bits on any number of ranks.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <gtest/gtest.h>

#include "distributed/group_communicator.h"
#include "model3d/network.h"
#include "pipeline/norm/lockstep_lanes.h"
#include "pipeline/train/train_step.h"
#include "pipeline/train/trainer.h"
#include "tests/support/far_network.h"
#include "tests/support/thread_ranks.h"
#include "tests/support/train_rank.h"

namespace larkspur {
namespace {

using pipeline::Batch;
using pipeline::SampleKey;

constexpr int kLanes = 4;
constexpr std::int64_t kLaneBatch = 2;
constexpr std::int64_t kClasses = 3;

model3d::ModelOptions micro_network(std::int64_t freeze_stages = 0) {
  model3d::ModelOptions options;
  options.variant = "micro";
  options.classes = kClasses;
  options.kernel = model3d::Extent3{7, 7, 7};
  options.drop_path = 0.2;
  options.layer_scale = 0.5;
  options.freeze_stages = freeze_stages;
  options.seed = 7;
  return options;
}

testing::ToySource voxel_source() { return testing::ToySource(40, {1, 16, 16, 16}, kClasses); }

std::vector<Batch> four_lanes() {
  const auto source = voxel_source();
  std::vector<Batch> batches;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    std::vector<pipeline::Sample> samples;
    std::vector<SampleKey> keys;
    for (std::uint32_t i = 0; i < kLaneBatch; ++i) {
      keys.push_back({5, 0, lane * static_cast<std::uint32_t>(kLaneBatch) + i, 0});
      samples.push_back(source.read(keys.back()).value());
    }
    batches.push_back(pipeline::collate(samples, keys, {}));
  }
  return batches;
}

/// Keeps the sum over lanes.
class KeepingExchange : public testing::SerialExchange {
 public:
  using SerialExchange::SerialExchange;
  at::Tensor reduce() override {
    kept = SerialExchange::reduce().clone();
    return kept;
  }
  at::Tensor kept;
};

double relative_distance(const at::Tensor& found, const at::Tensor& expected, double floor) {
  const double distance = (found.detach().to(at::kDouble) - expected).norm().item<double>();
  return distance / std::max(floor, expected.norm().item<double>());
}

TEST(NormLanes, AStepTogetherIsThatOfOneGlobalBatchInFloat64) {
  const std::vector<Batch> lanes = four_lanes();
  model3d::Network reference(micro_network());
  testing::widen(reference);
  reference.set_training(true);
  Batch whole;
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> labels;
  for (const Batch& lane : lanes) {
    inputs.push_back(lane.inputs["input"].to(at::kDouble));
    labels.push_back(lane.labels);
    whole.keys.insert(whole.keys.end(), lane.keys.begin(), lane.keys.end());
  }
  whole.inputs["input"] = at::cat(inputs);
  const at::Tensor loss = at::cross_entropy_loss(
      reference.forward(whole), at::cat(labels), {}, at::Reduction::Mean, -100, 0.0);
  loss.backward();

  model3d::Network network(micro_network());
  network.set_training(true);
  pipeline::TrainState state(network, 8192, 0, 1, {});
  KeepingExchange exchange(state.parameters);
  testing::SoloCommunicator communicator;
  pipeline::Requests requests;
  pipeline::LockstepLanes together(network, state, communicator, kLanes);
  std::size_t next = 0;
  pipeline::TrainContext run{network, state, exchange, communicator, {0, kLanes, kLanes}};
  run.lockstep = &together;
  pipeline::TrainStep job{run, [&] { return lanes[next++]; }, 0.0, requests};
  const pipeline::StepOutcome outcome = pipeline::train_step(job, 1e-3);
  EXPECT_NEAR(outcome.loss, loss.item<double>(), 1e-5);

  const auto parameters = reference.parameters();
  double all = 0.0;
  for (const auto& parameter : parameters)
    all += parameter.tensor.grad().square().sum().item<double>();
  const auto& entries = state.parameters.layout().entries();
  for (std::size_t entry = 0; entry < entries.size(); ++entry) {
    const auto& parameter = parameters[entries.size() - 1 - entry];
    const pipeline::ElementRange range = entries[entry].range;
    const at::Tensor found = exchange.kept.narrow(0, range.begin, range.size())
                                 .view(parameter.tensor.sizes())
                                 .div(static_cast<double>(kLanes));
    EXPECT_LE(relative_distance(found, parameter.tensor.grad(), 1e-3 * std::sqrt(all)), 2e-4)
        << parameter.name;
  }
  const auto statistics = reference.statistics();
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    EXPECT_LE(relative_distance(network.statistics()[i].tensor, statistics[i].tensor, 1e-3), 1e-4)
        << statistics[i].name;
  }
}

/// How a network is normalised, and how much of it learns.
struct Case {
  pipeline::NormScope scope;
  std::int64_t freeze_stages;
  pipeline::Precision precision = pipeline::Precision::kFloat32;
};

pipeline::TrainOptions options_of(const Case& how) {
  pipeline::TrainOptions options;
  options.seed = 5;
  options.epochs = 1;
  options.global_batch = kLanes * kLaneBatch;
  options.lanes = kLanes;
  options.learning_rate = 2e-3;
  options.max_bad_fraction = 1.0;
  options.batch_norm = how.scope;
  options.precision = how.precision;
  options.precise_norm_samples = 12;
  return options;
}

/// What training leaves behind on rank 0: values, then statistics.
std::vector<at::Tensor> train_on(int ranks, const Case& how) {
  const pipeline::EpochOrder order(40, 5, 0);
  const pipeline::EpochOrder measured(40, 5, 1);
  std::vector<at::Tensor> left;
  testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
    model3d::Network network(micro_network(how.freeze_stages));
    auto source = voxel_source();
    // No sample for the last lane of step 1 and the first two of step 3, nor for the last two
    // lanes of the first batch that is measured: with enough ranks, some have none at all.
    for (const std::int64_t position : {14, 15, 24, 25, 26, 27}) {
      source.spoil(order(position), pipeline::Errc::kCorruptData);
    }
    for (std::int64_t position = 12; position < 16; ++position) {
      source.spoil(measured(position), pipeline::Errc::kCorruptData);
    }
    pipeline::TrainState state(network, 8192, group.rank(), group.size(), {});
    testing::train_rank(group, network, source, state, options_of(how));
    if (group.rank() != 0) return;
    left.push_back(state.parameters.values().clone());
    for (const auto& statistic : network.statistics()) left.push_back(statistic.tensor.clone());
  });
  return left;
}

class NormScopes : public ::testing::TestWithParam<Case> {};

TEST_P(NormScopes, GiveTheSameBitsOnAnyNumberOfRanks) {
  const auto alone = train_on(1, GetParam());
  for (const int ranks : {2, 3, 4}) {
    const auto found = train_on(ranks, GetParam());
    ASSERT_EQ(found.size(), alone.size());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_TRUE(found[i].equal(alone[i])) << "tensor " << i << " on " << ranks << " ranks";
    }
  }
}

constexpr auto kLane = pipeline::NormScope::kLane;
constexpr auto kSynchronised = pipeline::NormScope::kSynchronised;
INSTANTIATE_TEST_SUITE_P(ByLane, NormScopes, ::testing::Values(Case{kLane, 0}));
INSTANTIATE_TEST_SUITE_P(Together, NormScopes, ::testing::Values(Case{kSynchronised, 0}));
INSTANTIATE_TEST_SUITE_P(Frozen,
                         NormScopes,
                         ::testing::Values(Case{kLane, 2}, Case{kSynchronised, 2}));
INSTANTIATE_TEST_SUITE_P(Scaled,
                         NormScopes,
                         ::testing::Values(Case{kSynchronised, 1, pipeline::Precision::kFloat16}));

/// A network of which one rank's goes wrong in the middle of a pass.
TEST(NormLanes, ARankThatFailsInAForwardPassEndsTheOthersWithItsReason) {
  std::atomic<int> told = 0;
  testing::run_ranks(2, [&](distributed::ProcessGroup& group) {
    model3d::Network network(micro_network());
    network.set_training(true);
    pipeline::TrainState state(network, 8192, group.rank(), group.size(), {});
    distributed::GroupCommunicator communicator(group);
    pipeline::LockstepLanes together(network, state, communicator, 2);
    const std::vector<Batch> lanes = four_lanes();
    int passes = 0;
    try {
      together.forward({true, true}, [&](int index, pipeline::Classifier& mine) {
        Batch batch = lanes[static_cast<std::size_t>(2 * group.rank() + index)];
        // One key too few: random depth refuses it, behind the first norms.
        if (group.rank() == 1 && index == 1) batch.keys.pop_back();
        ++passes;
        return mine.forward(batch).sum();
      });
      ADD_FAILURE() << "rank " << group.rank() << " came through";
    } catch (const pipeline::Error& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find("[drop_path] 1 keys for 2 samples"), std::string::npos) << text;
      if (text.find("rank 1 cannot go on") != std::string::npos) ++told;
    }
    EXPECT_EQ(passes, 2);
  });
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace larkspur
