// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/precise_norm.h"

#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>

#include "pipeline/norm/lockstep_lanes.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::ToyRun;

/// Mean and unbiased variance of what the toy's norm sees of these samples, in float64.
std::pair<at::Tensor, at::Tensor> by_hand(const ToyRun& toy, const std::vector<SampleKey>& keys) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> inputs;
  for (const SampleKey& key : keys) inputs.push_back(toy.source.read(key).value().inputs["input"]);
  const at::Tensor x = at::stack(inputs).to(at::kDouble);
  const at::Tensor hidden = at::linear(x, toy.classifier->parameters()[0].tensor.to(at::kDouble));
  const auto samples = static_cast<double>(keys.size());
  const at::Tensor mean = hidden.sum(0) / samples;
  return {mean, (hidden - mean).square().sum(0) / (samples - 1.0)};
}

void expect_statistics(const ToyRun& toy, const std::pair<at::Tensor, at::Tensor>& expected) {
  const auto statistics = toy.classifier->statistics();
  const auto close = [](const at::Tensor& found, const at::Tensor& want) {
    return found.to(at::kDouble).allclose(want, 1e-5, 1e-6);
  };
  EXPECT_TRUE(close(statistics[0].tensor, expected.first));
  EXPECT_TRUE(close(statistics[1].tensor, expected.second));
}

/// The samples at the first positions of an epoch's order.
std::vector<SampleKey> first_keys(const ToyRun& toy, std::uint32_t epoch, std::int64_t count) {
  const EpochOrder order(40, toy.options.seed, epoch);
  std::vector<SampleKey> keys;
  for (std::int64_t position = 0; position < count; ++position) {
    keys.push_back({toy.options.seed, epoch, static_cast<std::uint32_t>(order(position)), 0});
  }
  return keys;
}

class PreciseNorm : public ::testing::TestWithParam<NormScope> {};

TEST_P(PreciseNorm, IsTheMeanAndVarianceOfTheNextSamplesByThisEpochsWeights) {
  ToyRun toy;
  toy.options.batch_norm = GetParam();
  toy.options.precise_norm_samples = 20;  // three batches of eight
  toy.run();
  expect_statistics(toy, by_hand(toy, first_keys(toy, 2, 24)));
}

TEST_P(PreciseNorm, LeavesOutWhatCannotBeRead) {
  ToyRun toy;
  toy.options.batch_norm = GetParam();
  toy.options.precise_norm_samples = 8;
  std::vector<SampleKey> keys = first_keys(toy, 2, 8);
  for (const std::size_t bad : {5, 2, 1, 0}) {  // the first lane has none left
    if (bad != 1) toy.source.spoil(keys[bad].sample, Errc::kCorruptData);
    if (bad == 1) toy.source.spoil(keys[bad].sample, Errc::kNotFound);
    keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(bad));
  }
  toy.run();
  expect_statistics(toy, by_hand(toy, keys));
}

TEST_P(PreciseNorm, DoesNotTouchTheTraining) {
  ToyRun with;
  ToyRun without;
  with.options.batch_norm = without.options.batch_norm = GetParam();
  with.options.precise_norm_samples = 16;
  with.run();
  without.run();
  EXPECT_TRUE(with.state.parameters.values().equal(without.state.parameters.values()));
  EXPECT_EQ(with.sink.steps.size(), without.sink.steps.size());
  for (std::size_t i = 0; i < with.sink.steps.size(); ++i) {
    EXPECT_EQ(with.sink.steps[i].loss, without.sink.steps[i].loss);
  }
  EXPECT_FALSE(
      with.classifier->statistics()[0].tensor.equal(without.classifier->statistics()[0].tensor));
}

TEST_P(PreciseNorm, ACheckpointInMidEpochHasRunningAverages) {
  ToyRun with;
  ToyRun without;
  for (ToyRun* toy : {&with, &without}) {
    toy->options.batch_norm = GetParam();
    toy->options.stop_after_steps = 3;
  }
  with.options.precise_norm_samples = 16;
  with.run();
  without.run();
  EXPECT_TRUE(
      with.classifier->statistics()[0].tensor.equal(without.classifier->statistics()[0].tensor));
}

TEST_P(PreciseNorm, ARunThatStoppedHalfWayEndsWithTheSameStatistics) {
  ToyRun unbroken;
  ToyRun stopped;
  for (ToyRun* toy : {&unbroken, &stopped}) {
    toy->options.batch_norm = GetParam();
    toy->options.precise_norm_samples = 16;
    toy->options.stop_after_steps = 8;  // three steps of averages after the epoch's end
  }
  unbroken.run();
  for (const std::int64_t step : {3, 6, 8}) {
    stopped.options.stop_after_steps = step;
    stopped.run();
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(unbroken.classifier->statistics()[i].tensor.equal(
        stopped.classifier->statistics()[i].tensor));
  }
}

INSTANTIATE_TEST_SUITE_P(ByLane, PreciseNorm, ::testing::Values(NormScope::kLane));
INSTANTIATE_TEST_SUITE_P(Together, PreciseNorm, ::testing::Values(NormScope::kSynchronised));

}  // namespace
}  // namespace larkspur::pipeline
