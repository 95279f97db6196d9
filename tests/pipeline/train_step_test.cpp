// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train_step.h"

#include <limits>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::ToyRun;

std::vector<Batch> four_lanes(const SampleSource& source) {
  std::vector<Batch> batches;
  for (std::uint32_t lane = 0; lane < 4; ++lane) {
    const SampleKey first{1, 0, 2 * lane, 0};
    const SampleKey second{1, 0, 2 * lane + 1, 0};
    batches.push_back(
        collate({source.read(first).value(), source.read(second).value()}, {first, second}, {}));
  }
  return batches;
}

/// Runs one step of a fresh toy on the given lanes.
StepOutcome step_on(ToyRun& toy, const std::vector<Batch>& batches) {
  std::size_t next = 0;
  TrainStep job{*toy.classifier,
                toy.state,
                toy.exchange,
                toy.peers,
                Lanes{0, 4, 4},
                [&] { return batches[next++]; },
                0.0,
                toy.requests};
  return train_step(job, 0.01);
}

TEST(TrainStep, ReportsTheMeanLossOfTheLanesAndCountsItsSamples) {
  ToyRun toy;
  const StepOutcome outcome = step_on(toy, four_lanes(toy.source));
  ASSERT_EQ(outcome.facts.loss.size(), 4U);
  const auto& loss = outcome.facts.loss;
  EXPECT_DOUBLE_EQ(outcome.loss, (loss[0] + loss[1] + loss[2] + loss[3]) / 4.0);
  EXPECT_EQ(outcome.facts.samples, 8);
  EXPECT_EQ(toy.state.step, 1);
}

TEST(TrainStep, ALaneWithoutReadableSamplesAddsNoGradient) {
  ToyRun toy;
  std::vector<Batch> batches = four_lanes(toy.source);
  batches[2] = collate({}, {}, {{4, 4, "x", Errc::kNotFound, ""}, {5, 5, "y", Errc::kIo, ""}});
  const StepOutcome outcome = step_on(toy, batches);
  EXPECT_EQ(outcome.facts.loss[2], 0.0);
  EXPECT_EQ(outcome.facts.samples, 6);
  EXPECT_EQ(outcome.facts.bad.size(), 2U);
  EXPECT_GT(outcome.grad_norm, 0.0);
}

TEST(TrainStep, RefusesAGradientThatIsNotFiniteAndChangesNothing) {
  ToyRun toy;
  std::vector<Batch> batches = four_lanes(toy.source);
  batches[1].input.fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor before = toy.state.parameters.values().clone();
  EXPECT_THROW(step_on(toy, batches), Error);
  EXPECT_TRUE(at::equal(before, toy.state.parameters.values()));
  EXPECT_EQ(toy.state.step, 0);
}

}  // namespace
}  // namespace larkspur::pipeline
