// SPDX-License-Identifier: Apache-2.0
// Whole training steps and checkpoints on the GPU, against the CPU and against themselves.
#include "pipeline/train/train_step.h"

#include <filesystem>
#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "distributed/transport/solo_group.h"
#include "distributed/transport/staged_group.h"
#include "distributed/tree_exchange.h"
#include "model3d/network.h"
#include "pipeline/batch_norm_hook.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/data/prefetcher.h"
#include "pipeline/norm/lockstep_lanes.h"
#include "pipeline/placement.h"
#include "tests/gpu/gpu.h"
#include "tests/support/solo_communicator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy_source.h"

namespace larkspur::pipeline {
namespace {

using larkspur::testing::gpu;

constexpr int kLanes = 4;

std::unique_ptr<model3d::Network> network_on(at::Device device) {
  auto network =
      std::make_unique<model3d::Network>(model3d::ModelOptions{.form = "voxel",
                                                               .variant = "micro",
                                                               .classes = 3,
                                                               .kernel = model3d::Extent3{7, 7, 7},
                                                               .drop_path = 0.2,
                                                               .layer_scale = 0.5,
                                                               .seed = 5});
  place(*network, device);
  return network;
}

/// A job of one rank on one device, with batches through the prefetcher as the trainer takes them.
struct Job {
  explicit Job(at::Device where,
               Precision of_products = Precision::kFloat32,
               NormScope norms = NormScope::kLane)
      : device(where),
        precision(of_products),
        network(network_on(where)),
        state(*network, 65536, 0, 1, {.weight_decay = 0.05, .clip_norm = 0.5}),
        solo(distributed::make_solo_group({})),
        group(where.is_cpu() ? nullptr : distributed::make_staged_group(*solo, where)),
        exchange(group ? *group : *solo, state.parameters, lanes),
        prefetcher(source, requests, {0, 100, 2, 4, where.is_cuda()}) {
    network->set_training(true);
    if (norms == NormScope::kSynchronised) together.emplace(*network, state, communicator, kLanes);
  }

  StepOutcome step() {
    TrainContext run{*network, state, exchange, communicator, lanes, precision};
    run.lockstep = together ? &*together : nullptr;
    TrainStep work{run, [this] { return prefetcher.next(); }, 0.1, wishes};
    return train_step(work, 0.002);
  }

  /// Four samples a lane, in order.
  static std::vector<SampleRequest> requests(std::int64_t k) {
    std::vector<SampleRequest> wanted;
    for (std::int64_t i = 4 * k; i < 4 * k + 4; ++i) {
      wanted.push_back({{1, 0, static_cast<std::uint32_t>(i % 60), 0}, i});
    }
    return wanted;
  }

  at::Device device;
  Precision precision;
  testing::ToySource source{60, {1, 12, 12, 12}, 3};
  std::unique_ptr<model3d::Network> network;
  TrainState state;
  std::unique_ptr<distributed::ProcessGroup> solo;
  std::unique_ptr<distributed::ProcessGroup> group;
  Lanes lanes{0, kLanes, kLanes};
  distributed::TreeExchange exchange;
  Prefetcher prefetcher;
  testing::SoloCommunicator communicator;
  Requests wishes;
  std::optional<LockstepLanes> together;
};

double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  const double norm = expected.to(at::kDouble).norm().item<double>();
  return (actual - expected).to(at::kDouble).norm().item<double>() / norm;
}

class TrainStepOnGpu : public ::testing::TestWithParam<NormScope> {};

TEST_P(TrainStepOnGpu, IsCloseToTheCpu) {
  Job cpu(at::kCPU, Precision::kFloat32, GetParam());
  Job other(gpu(), Precision::kFloat32, GetParam());
  const StepOutcome expected = cpu.step();
  const StepOutcome actual = other.step();
  EXPECT_NEAR(actual.loss, expected.loss, 1e-4 * expected.loss);
  EXPECT_NEAR(actual.grad_norm, expected.grad_norm, 1e-3 * expected.grad_norm);
  EXPECT_EQ(actual.facts.samples, 16);
  EXPECT_EQ(other.state.parameters.values().device(), gpu());
  EXPECT_EQ(other.state.optimizer.moment1().device(), gpu());
  EXPECT_LT(relative_error(other.state.parameters.values().cpu(), cpu.state.parameters.values()),
            1e-3);
  EXPECT_LT(relative_error(other.state.optimizer.moment1().cpu(), cpu.state.optimizer.moment1()),
            1e-2);
}

TEST_P(TrainStepOnGpu, GivesTheSameBitsTwice) {
  for (const Precision precision :
       {Precision::kFloat32, Precision::kBFloat16, Precision::kFloat16}) {
    Job once(gpu(), precision, GetParam());
    Job again(gpu(), precision, GetParam());
    for (int step = 0; step < 5; ++step) {
      EXPECT_EQ(once.step().loss, again.step().loss) << "step " << step;
    }
    EXPECT_TRUE(at::equal(once.state.parameters.values(), again.state.parameters.values()));
    EXPECT_TRUE(at::equal(once.state.optimizer.moment2(), again.state.optimizer.moment2()));
  }
}

TEST_P(TrainStepOnGpu, LearnsInEveryPrecision) {
  for (const Precision precision :
       {Precision::kFloat32, Precision::kBFloat16, Precision::kFloat16}) {
    Job job(gpu(), precision, GetParam());
    const double first = job.step().loss;
    double last = first;
    for (int step = 1; step < 20; ++step) last = job.step().loss;
    EXPECT_LT(last, 0.8 * first);
  }
}

INSTANTIATE_TEST_SUITE_P(Norms,
                         TrainStepOnGpu,
                         ::testing::Values(NormScope::kLane, NormScope::kSynchronised));

TEST(CheckpointOnGpu, GoesOnWithTheSameBitsAndLoadsOnACpu) {
  const testing::TempDir folder;
  Job unbroken(gpu());
  Job resumed(gpu());
  for (int step = 0; step < 2; ++step) unbroken.step();
  const auto saved = save_checkpoint({folder.path(), 1}, unbroken.state, {}, unbroken.communicator);
  const Checkpoint checkpoint(saved);
  for (int step = 0; step < 2; ++step) resumed.step();  // so that its batches stand where they must
  resumed.state.parameters.values().mul_(-2.0);         // what stands between parameters stays 0
  restore(checkpoint, resumed.state, resumed.communicator);
  EXPECT_EQ(unbroken.step().loss, resumed.step().loss);
  EXPECT_TRUE(at::equal(unbroken.state.parameters.values(), resumed.state.parameters.values()));

  Job cpu(at::kCPU);
  restore(checkpoint, cpu.state, cpu.communicator);
  const auto again = save_checkpoint({folder.path(), 2}, cpu.state, {}, cpu.communicator);
  EXPECT_EQ(Checkpoint(again).digest(), checkpoint.digest());
}

}  // namespace
}  // namespace larkspur::pipeline
