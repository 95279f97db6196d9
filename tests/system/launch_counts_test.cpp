// SPDX-License-Identifier: Apache-2.0
// Kernels, copies and reads of a whole training step as a GPU would have them, counted on the CPU:
// the calls that reach a backend, ours by a table (tests/support/launches.h).
#include <cstdio>
#include <string>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "model3d/layers/cpu_ops.h"
#include "model3d/network.h"
#include "pipeline/placement.h"
#include "pipeline/train/train_step.h"
#include "tests/support/backend_calls.h"
#include "tests/support/launches.h"
#include "tests/support/serial_exchange.h"
#include "tests/support/solo_communicator.h"

namespace larkspur {
namespace {

constexpr std::int64_t kLaneSamples = 2;
constexpr std::int64_t kCountedClasses = 10;

struct Work {
  const char* form;
  const char* variant;
  std::vector<std::int64_t> sizes;  ///< of a sample
};

struct Counts {
  std::int64_t launches, copies, reads;
};

model3d::ModelOptions options_of(const Work& work) {
  model3d::ModelOptions options;
  options.form = work.form;
  options.variant = work.variant;
  options.classes = kCountedClasses;
  options.drop_path = 0.1;
  return options;
}

/// A first step of a rank alone with its lanes.
Counts count_step(const Work& work, int lanes) {
  const model3d::LayersAsOnGpu as_on_gpu;
  model3d::Network network(options_of(work));
  network.set_training(true);
  pipeline::TrainState state(network, 4194304, 0, 1, {.weight_decay = 0.05, .clip_norm = 1.0});
  testing::SerialExchange exchange(state.parameters);
  testing::SoloCommunicator communicator;
  pipeline::Requests requests;
  std::vector<std::int64_t> sizes{kLaneSamples};
  sizes.insert(sizes.end(), work.sizes.begin(), work.sizes.end());
  pipeline::Batch batch;
  batch.inputs["input"] = at::ones(sizes);
  batch.labels = at::arange(kLaneSamples, at::kLong);
  batch.keys.resize(kLaneSamples);
  batch.nominal = kLaneSamples;
  batch = pipeline::packed(batch, /*pinned=*/false);  // as the prefetcher does for a GPU
  pipeline::TrainContext run{network, state, exchange, communicator, {0, lanes, lanes}};
  pipeline::TrainStep step{run, [&] { return batch; }, 0.1, requests};

  const std::int64_t copies = pipeline::device_copies();
  const std::int64_t reads = pipeline::host_reads();
  const testing::BackendCalls calls;
  pipeline::train_step(step, 1e-3);
  const auto scalars = calls.by_name().find("aten::_local_scalar_dense");
  const Counts counts{
      testing::launches(calls.by_name()),
      pipeline::device_copies() - copies,
      pipeline::host_reads() - reads + (scalars == calls.by_name().end() ? 0 : scalars->second)};
  std::printf("%s/%s, %d lanes: %lld launches, %lld copies to the device, %lld reads\n",
              work.form,
              work.variant,
              lanes,
              static_cast<long long>(counts.launches),
              static_cast<long long>(counts.copies),
              static_cast<long long>(counts.reads));
  return counts;
}

struct Goal {
  Work work;
  int lanes;  ///< of the second step; the first has one
  std::int64_t launches_a_lane;
};

class LaunchCounts : public ::testing::TestWithParam<Goal> {};

TEST_P(LaunchCounts, KeepToTheGoal) {
  const Goal& goal = GetParam();
  const Counts one = count_step(goal.work, 1);
  const Counts several = count_step(goal.work, goal.lanes);
  const int more = goal.lanes - 1;
  const std::int64_t a_lane = (several.launches - one.launches) / more;
  EXPECT_LE(a_lane, goal.launches_a_lane);
  EXPECT_EQ(several.launches - one.launches, more * a_lane);
  EXPECT_LE(one.launches - a_lane, 16) << "beside the lanes";
  EXPECT_EQ(one.copies, 2) << "input and labels, random depth of all blocks";
  EXPECT_EQ(several.copies, 2 * goal.lanes);
  EXPECT_EQ(one.reads, 1);
  EXPECT_EQ(several.reads, 1) << "whatever the lanes";
}

INSTANTIATE_TEST_SUITE_P(Networks,
                         LaunchCounts,
                         ::testing::Values(Goal{{"image", "a", {3, 32, 32}}, 16, 500},
                                           Goal{{"image", "t", {3, 32, 32}}, 2, 1050},
                                           Goal{{"clip", "t", {3, 2, 32, 32}}, 2, 1050}),
                         [](const auto& info) {
                           const Work& work = info.param.work;
                           return std::string(work.form) + "_" + work.variant;
                         });

TEST(LaunchCounts, DoNotDependOnSizes) {
  const Counts small = count_step({"image", "a", {3, 64, 64}}, 1);
  const Counts larger = count_step({"image", "a", {3, 96, 80}}, 1);
  EXPECT_EQ(small.launches, larger.launches);
  EXPECT_EQ(small.copies, larger.copies);
  EXPECT_EQ(small.reads, larger.reads);
}

}  // namespace
}  // namespace larkspur
