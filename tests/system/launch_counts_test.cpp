// SPDX-License-Identifier: Apache-2.0
// Kernels, copies and reads of a whole training step as a GPU would have them, counted on the CPU:
// the calls that reach a backend, ours by a table (tests/support/launches.h).
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "distributed/group_communicator.h"
#include "distributed/tree_exchange.h"
#include "model3d/layers/cpu_ops.h"
#include "model3d/network.h"
#include "pipeline/placement.h"
#include "pipeline/train/train_step.h"
#include "tests/support/backend_calls.h"
#include "tests/support/launches.h"
#include "tests/support/serial_exchange.h"
#include "tests/support/solo_communicator.h"
#include "tests/support/thread_ranks.h"
#include "tests/support/tree_kernels.h"

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

pipeline::Batch batch_of(const Work& work) {
  std::vector<std::int64_t> sizes{kLaneSamples};
  sizes.insert(sizes.end(), work.sizes.begin(), work.sizes.end());
  pipeline::Batch batch;
  batch.inputs["input"] = at::ones(sizes);
  batch.labels = at::arange(kLaneSamples, at::kLong);
  batch.keys.resize(kLaneSamples);
  batch.nominal = kLaneSamples;
  return pipeline::packed(batch, /*pinned=*/false);  // as the prefetcher does for a GPU
}

pipeline::TrainState state_of(const model3d::Network& network, int rank, int ranks) {
  return {network, 4194304, rank, ranks, {.weight_decay = 0.05, .clip_norm = 1.0}};
}

/// A step of this thread: calls to a backend, and the process's copies and reads meanwhile. `start`
/// lets others begin.
Counts count_step(
    pipeline::TrainContext& run, const Work& work, const std::function<void()>& start = [] {}) {
  pipeline::Requests requests;
  const pipeline::Batch batch = batch_of(work);
  pipeline::TrainStep step{run, [&] { return batch; }, 0.1, requests};
  const std::int64_t copies = pipeline::device_copies();
  const std::int64_t reads = pipeline::host_reads();
  start();
  const testing::BackendCalls calls;
  pipeline::train_step(step, 1e-3);
  const auto scalars = calls.by_name().find("aten::_local_scalar_dense");
  return {
      testing::launches(calls.by_name()),
      pipeline::device_copies() - copies,
      pipeline::host_reads() - reads + (scalars == calls.by_name().end() ? 0 : scalars->second)};
}

void print(const Work& work, int lanes, int ranks, const Counts& counts) {
  std::printf("%s/%s, %d lanes, rank 0 of %d: %lld launches, %lld copies up, %lld reads\n",
              work.form,
              work.variant,
              lanes,
              ranks,
              static_cast<long long>(counts.launches),
              static_cast<long long>(counts.copies),
              static_cast<long long>(counts.reads));
}

/// A first step of a rank alone with its lanes.
Counts count_alone(const Work& work, int lanes) {
  const model3d::LayersAsOnGpu as_on_gpu;
  model3d::Network network(options_of(work));
  network.set_training(true);
  pipeline::TrainState state = state_of(network, 0, 1);
  testing::SerialExchange exchange(state.parameters);
  testing::SoloCommunicator communicator;
  pipeline::TrainContext run{network, state, exchange, communicator, {0, lanes, lanes}};
  const Counts counts = count_step(run, work);
  print(work, lanes, 1, counts);
  return counts;
}

/// The same of rank 0 of one or several, threads here: the others' calls are not seen, their copies
/// and reads are, as many as its own. The lane tree's kernels are by formula (tree_kernels.h).
Counts count_together(const Work& work, int lanes, int ranks) {
  Counts counts{};
  testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
    const model3d::LayersAsOnGpu as_on_gpu;
    model3d::Network network(options_of(work));
    network.set_training(true);
    pipeline::TrainState state = state_of(network, group.rank(), ranks);
    const pipeline::Lanes mine = pipeline::lanes_of_rank(group.rank(), ranks, lanes);
    distributed::TreeExchange exchange(group, state.parameters, mine);
    distributed::GroupCommunicator communicator(group);
    pipeline::TrainContext run{network, state, exchange, communicator, mine};
    group.barrier().wait();  // what is made may be copied and read too
    const auto start = [&] { group.barrier().wait(); };
    if (group.rank() > 0) {
      start();
      pipeline::Requests requests;
      const pipeline::Batch batch = batch_of(work);
      pipeline::TrainStep step{run, [&] { return batch; }, 0.1, requests};
      pipeline::train_step(step, 1e-3);
      return;
    }
    counts = count_step(run, work, start);
    const auto tree = testing::tree_kernels(state.parameters.layout(), 0, ranks, lanes);
    counts.launches += tree.lanes + tree.finish;
  });
  EXPECT_EQ(counts.copies % ranks, 0);
  EXPECT_EQ(counts.reads % ranks, 0);
  counts.copies /= ranks;
  counts.reads /= ranks;
  print(work, lanes, ranks, counts);
  return counts;
}

struct Goal {
  Work work;
  int lanes;  ///< of the second step; the first has one
  std::int64_t launches_a_lane;
};

std::string name_of(const ::testing::TestParamInfo<Goal>& info) {
  return std::string(info.param.work.form) + "_" + info.param.work.variant;
}

class LaunchCounts : public ::testing::TestWithParam<Goal> {};

TEST_P(LaunchCounts, KeepToTheGoal) {
  const Goal& goal = GetParam();
  const Counts one = count_alone(goal.work, 1);
  const Counts several = count_alone(goal.work, goal.lanes);
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
                         name_of);

/// With the lane tree, of one rank or of several.
struct TogetherGoal {
  Work work;
  int ranks;
  std::int64_t launches_a_lane;  ///< joins of sums included
};

class LaunchCountsTogether : public ::testing::TestWithParam<TogetherGoal> {};

TEST_P(LaunchCountsTogether, KeepToTheGoal) {
  const TogetherGoal& goal = GetParam();
  const Counts least = count_together(goal.work, goal.ranks, goal.ranks);
  const Counts few = count_together(goal.work, 4, goal.ranks);
  const Counts many = count_together(goal.work, 16, goal.ranks);
  EXPECT_LE((many.launches - few.launches) / (12 / goal.ranks), goal.launches_a_lane);
  EXPECT_EQ(least.copies, 2);
  EXPECT_EQ(few.copies, 4 / goal.ranks * 2);
  EXPECT_EQ(many.copies, 16 / goal.ranks * 2);
  for (const Counts& counts : {least, few, many}) EXPECT_EQ(counts.reads, 1);
}

std::string name_together(const ::testing::TestParamInfo<TogetherGoal>& info) {
  const TogetherGoal& goal = info.param;
  return std::string(goal.work.form) + "_" + goal.work.variant + "_" + std::to_string(goal.ranks);
}

INSTANTIATE_TEST_SUITE_P(Networks,
                         LaunchCountsTogether,
                         ::testing::Values(TogetherGoal{{"image", "a", {3, 32, 32}}, 2, 500}),
                         name_together);
INSTANTIATE_TEST_SUITE_P(SlowNetworks,
                         LaunchCountsTogether,
                         ::testing::Values(TogetherGoal{{"image", "t", {3, 32, 32}}, 1, 1050},
                                           TogetherGoal{{"image", "t", {3, 32, 32}}, 2, 1050},
                                           TogetherGoal{{"clip", "t", {3, 2, 32, 32}}, 1, 1050},
                                           TogetherGoal{{"clip", "t", {3, 2, 32, 32}}, 2, 1050}),
                         name_together);

TEST(LaunchCounts, DoNotDependOnSizes) {
  const Counts small = count_alone({"image", "a", {3, 64, 64}}, 1);
  const Counts larger = count_alone({"image", "a", {3, 96, 80}}, 1);
  EXPECT_EQ(small.launches, larger.launches);
  EXPECT_EQ(small.copies, larger.copies);
  EXPECT_EQ(small.reads, larger.reads);
}

}  // namespace
}  // namespace larkspur
