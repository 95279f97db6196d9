// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/train_step.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
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

/// Runs one step of a toy on the given lanes.
StepOutcome step_on(ToyRun& toy,
                    const std::vector<Batch>& batches,
                    Precision precision = Precision::kFloat32) {
  std::size_t next = 0;
  TrainContext run{
      *toy.classifier, toy.state, toy.exchange, toy.communicator, Lanes{0, 4, 4}, precision};
  TrainStep job{run, [&] { return batches[next++]; }, 0.0, toy.requests};
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
  const auto& loss = outcome.facts.loss;  // each over two samples
  EXPECT_DOUBLE_EQ(outcome.loss, (loss[0] + loss[1] + loss[3]) / 3.0);
  EXPECT_GT(outcome.grad_norm, 0.0);
}

TEST(TrainStep, AStepWithoutReadableSamplesHasNoLoss) {
  ToyRun toy;
  const Batch none =
      collate({}, {}, {{4, 4, "x", Errc::kNotFound, ""}, {5, 5, "y", Errc::kIo, ""}});
  EXPECT_TRUE(std::isnan(step_on(toy, {none, none, none, none}).loss));
}

TEST(TrainStep, RefusesAGradientThatIsNotFiniteAndChangesNothing) {
  ToyRun toy;
  std::vector<Batch> batches = four_lanes(toy.source);
  batches[1].inputs["input"].fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor before = toy.state.parameters.values().clone();
  EXPECT_THROW(step_on(toy, batches), Error);
  EXPECT_TRUE(at::equal(before, toy.state.parameters.values()));
  EXPECT_EQ(toy.state.step, 0);
}

/// Weights, moments and statistics, one after the other.
std::vector<at::Tensor> tensors_of(const ToyRun& toy) {
  std::vector<at::Tensor> copies{toy.state.parameters.values().clone(),
                                 toy.state.optimizer.moment1().clone(),
                                 toy.state.optimizer.moment2().clone()};
  for (const Statistic& statistic : toy.state.statistics.tensors()) {
    copies.push_back(statistic.tensor.clone());
  }
  return copies;
}

void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << i;
}

// At the first scale the logits' largest gradient is about 65536 * 2/3 / 2 (samples a lane): too
// much for this limit, half of it is not.
constexpr double kLimit = 15000.0;

TEST(TrainStepInFloat16, SkipsAnOverflowAndGoesOnAsIfTheStepHadNotBeen) {
  ToyRun toy(1, kLimit);
  const auto before = tensors_of(toy);
  const StepOutcome skipped = step_on(toy, four_lanes(toy.source), Precision::kFloat16);
  EXPECT_TRUE(skipped.skipped);
  EXPECT_EQ(skipped.loss_scale, 65536.0);
  EXPECT_TRUE(std::isfinite(skipped.loss));
  EXPECT_EQ(toy.state.step, 1);
  EXPECT_EQ(toy.state.updates(), 0);
  EXPECT_EQ(toy.state.scaler, LossScaler(32768.0, 0, 1));
  expect_equal(before, tensors_of(toy));

  ToyRun patient(1, kLimit);
  patient.state.scaler = LossScaler(32768.0, 0, 0);
  for (ToyRun* run : {&toy, &patient}) {
    const StepOutcome taken = step_on(*run, four_lanes(run->source), Precision::kFloat16);
    EXPECT_FALSE(taken.skipped);
    EXPECT_EQ(run->state.updates(), 1);
    EXPECT_EQ(run->state.scaler.good_steps(), 1);
  }
  expect_equal(tensors_of(patient), tensors_of(toy));
  EXPECT_FALSE(at::equal(before[0], toy.state.parameters.values()));
}

TEST(TrainStepInFloat16, DividesTheLossScaleOutAgain) {
  ToyRun plain;
  ToyRun half;
  const StepOutcome expected = step_on(plain, four_lanes(plain.source));
  const StepOutcome found = step_on(half, four_lanes(half.source), Precision::kFloat16);
  EXPECT_EQ(expected.loss_scale, 1.0);
  EXPECT_EQ(found.loss_scale, 65536.0);
  EXPECT_NEAR(found.loss, expected.loss, 0.01 * expected.loss);
  EXPECT_NEAR(found.grad_norm, expected.grad_norm, 0.01 * expected.grad_norm);
  const at::Tensor moved = half.state.optimizer.moment1() - plain.state.optimizer.moment1();
  EXPECT_LT(moved.norm().item<double>(),
            0.01 * plain.state.optimizer.moment1().norm().item<double>());
}

TEST(TrainStepInFloat16, EndsWithTheErrorOnceTheScaleIsAtItsFloor) {
  ToyRun toy;
  std::vector<Batch> batches = four_lanes(toy.source);
  batches[1].inputs["input"].fill_(std::numeric_limits<float>::quiet_NaN());
  const auto before = tensors_of(toy);
  for (int step = 1; step <= 16; ++step) {
    EXPECT_TRUE(step_on(toy, batches, Precision::kFloat16).skipped);
  }
  EXPECT_EQ(toy.state.scaler, LossScaler(1.0, 0, 16));
  EXPECT_THROW(step_on(toy, batches, Precision::kFloat16), Error);
  EXPECT_EQ(toy.state.step, 16);
  EXPECT_EQ(toy.state.scaler, LossScaler(1.0, 0, 16));
  expect_equal(before, tensors_of(toy));
}

TEST(TrainStepInBFloat16, ScalesNothingAndSkipsNothing) {
  ToyRun toy(1, kLimit);
  std::vector<Batch> batches = four_lanes(toy.source);
  const StepOutcome outcome = step_on(toy, batches, Precision::kBFloat16);
  EXPECT_EQ(outcome.loss_scale, 1.0);
  batches[1].inputs["input"].fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THROW(step_on(toy, batches, Precision::kBFloat16), Error);
  EXPECT_EQ(toy.state.scaler, LossScaler());
}

}  // namespace
}  // namespace larkspur::pipeline
