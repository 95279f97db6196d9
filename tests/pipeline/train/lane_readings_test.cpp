// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/lane_readings.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/placement.h"
#include "pipeline/train/train_step.h"
#include "tests/support/called_ops.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using larkspur::testing::CalledOps;
using larkspur::testing::ToyRun;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

at::Tensor scalar(float value) { return at::tensor(value); }

TEST(LaneReadings, HaveEveryLanesFactsInOrder) {
  LaneReadings readings;
  readings.add(scalar(3.0F), 2, at::tensor(std::int64_t{3}));
  readings.add_nothing();
  readings.add(scalar(-2.25F), 1, at::tensor(std::int64_t{4}));
  StepStats facts;
  const at::Tensor more = at::tensor({0.1, 0.2}, at::kDouble);
  EXPECT_TRUE(at::equal(readings.read_into(facts, more), more));
  EXPECT_THAT(facts.loss, ElementsAre(1.5, 0.0, -2.25));
  EXPECT_EQ(facts.correct, 7);
}

TEST(LaneReadings, OfNothingAreNothing) {
  LaneReadings readings;
  readings.add_nothing();
  StepStats facts;
  EXPECT_EQ(readings.read_into(facts, at::tensor({0.5}, at::kDouble)).item<double>(), 0.5);
  EXPECT_THAT(facts.loss, ElementsAre(0.0));
  EXPECT_EQ(facts.correct, 0);
}

/// Two samples of a lane of four count half of what they count in a lane of two.
TEST(TrainStep, DividesALaneByWhatItShouldHaveHeld) {
  const auto step_of = [](std::int64_t nominal) {
    ToyRun toy;
    const auto batch = [&] {
      const SampleKey first{1, 0, 0, 0};
      const SampleKey second{1, 0, 1, 0};
      Batch lane = collate(
          {toy.source.read(first).value(), toy.source.read(second).value()}, {first, second}, {});
      lane.nominal = nominal;
      return lane;
    };
    TrainContext run{*toy.classifier, toy.state, toy.exchange, toy.communicator, {0, 1, 1}};
    TrainStep job{run, batch, 0.1, toy.requests};
    return train_step(job, 0.01);
  };
  const StepOutcome whole = step_of(2);
  const StepOutcome half = step_of(4);
  EXPECT_EQ(half.grad_norm, whole.grad_norm / 2);
  EXPECT_EQ(half.loss, whole.loss / 2);
}

/// A GPU is drained by every read: one a step, for lanes and norm together, however many lanes
/// there are.
TEST(HostReads, AreOneAStepWhateverTheNumberOfLanes) {
  for (const int lanes : {1, 4, 16}) {
    SCOPED_TRACE(lanes);
    ToyRun toy;
    const auto batch = [&] {
      const SampleKey first{1, 0, 0, 0};
      const SampleKey second{1, 0, 1, 0};
      return collate(
          {toy.source.read(first).value(), toy.source.read(second).value()}, {first, second}, {});
    };
    const Lanes mine{0, lanes, lanes};
    TrainContext run{
        *toy.classifier, toy.state, toy.exchange, toy.communicator, mine, Precision::kFloat32};
    TrainStep job{run, batch, 0.1, toy.requests};
    const std::int64_t before = host_reads();
    const CalledOps scalars("aten::_local_scalar_dense");
    train_step(job, 0.01);
    EXPECT_EQ(host_reads() - before, 1);
    EXPECT_THAT(CalledOps::seen(), IsEmpty());
  }
}

}  // namespace
}  // namespace larkspur::pipeline
