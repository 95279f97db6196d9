// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/lockstep_lanes.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include "pipeline/error.h"
#include "pipeline/train/train_step.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::SerialExchange;
using ::larkspur::testing::ToyRun;
using ::testing::ElementsAre;

/// Keeps the sum over lanes.
class KeepingExchange : public SerialExchange {
 public:
  using SerialExchange::SerialExchange;
  at::Tensor reduce() override {
    kept = SerialExchange::reduce().clone();
    return kept;
  }
  at::Tensor kept;
};

/// Four lanes of two samples of the toy, normalised together.
struct FourLanes {
  FourLanes() {
    for (std::uint32_t lane = 0; lane < 4; ++lane) {
      const SampleKey first{1, 0, 2 * lane, 0};
      const SampleKey second{1, 0, 2 * lane + 1, 0};
      batches.push_back(collate(
          {toy.source.read(first).value(), toy.source.read(second).value()}, {first, second}, {}));
    }
  }

  StepOutcome step() {
    std::size_t next = 0;
    TrainContext run{*toy.classifier, toy.state, exchange, toy.communicator, Lanes{0, 4, 4}};
    run.lockstep = &together;
    TrainStep job{run, [&] { return batches[next++]; }, 0.0, toy.requests};
    return train_step(job, 0.01);
  }

  void spoil(std::size_t lane) {
    batches[lane] = collate({}, {}, {{4, 4, "x", Errc::kNotFound, ""}, {5, 5, "y", Errc::kIo, ""}});
  }

  ToyRun toy;
  KeepingExchange exchange{toy.state.parameters};
  LockstepLanes together{*toy.classifier, toy.state, toy.communicator, 4};
  std::vector<Batch> batches;
};

/// The toy in float64 with every readable sample in one batch.
struct OneBatch {
  explicit OneBatch(const FourLanes& lanes) {
    for (const Parameter& parameter : lanes.toy.classifier->parameters()) {
      parameters.push_back(parameter.tensor.detach().to(at::kDouble).requires_grad_());
    }
    std::vector<at::Tensor> inputs;
    std::vector<at::Tensor> labels;
    for (const Batch& batch : lanes.batches) {
      if (batch.size() == 0) continue;
      inputs.push_back(batch.inputs["input"].to(at::kDouble));
      labels.push_back(batch.labels);
    }
    const at::Tensor hidden = at::linear(at::cat(inputs), parameters[0]);
    const at::Tensor normal = at::batch_norm(
        hidden, parameters[1], parameters[2], mean, variance, true, 0.1, 1e-5, false);
    const at::Tensor logits = at::linear(normal.relu(), parameters[3], parameters[4]);
    const at::Tensor sum =
        at::cross_entropy_loss(logits, at::cat(labels), {}, at::Reduction::Sum, -100, 0.0);
    loss = sum.item<double>() / static_cast<double>(logits.size(0));
    sum.div(2.0).backward();  // a lane's loss divides by its nominal size, two
  }

  std::vector<at::Tensor> parameters;
  at::Tensor mean = at::zeros({16}, at::kDouble);
  at::Tensor variance = at::ones({16}, at::kDouble);
  double loss = 0.0;
};

void expect_step_agrees(FourLanes& lanes) {
  const OneBatch expected(lanes);
  const StepOutcome outcome = lanes.step();
  EXPECT_NEAR(outcome.loss, expected.loss, 1e-6);
  const auto& entries = lanes.toy.state.parameters.layout().entries();
  for (std::size_t entry = 0; entry < entries.size(); ++entry) {
    const at::Tensor& want = expected.parameters[entries.size() - 1 - entry].grad();
    const ElementRange range = entries[entry].range;
    expect_close(lanes.exchange.kept.narrow(0, range.begin, range.size()).view(want.sizes()), want);
  }
  const auto statistics = lanes.toy.classifier->statistics();
  expect_close(statistics[0].tensor, expected.mean);
  expect_close(statistics[1].tensor, expected.variance);
}

TEST(LockstepLanes, AStepIsThatOfOneGlobalBatch) {
  FourLanes lanes;
  expect_step_agrees(lanes);
  EXPECT_EQ(lanes.toy.state.step, 1);
}

TEST(LockstepLanes, LanesWithoutReadableSamplesContributeNothing) {
  FourLanes lanes;
  lanes.spoil(0);
  lanes.spoil(2);
  expect_step_agrees(lanes);
}

TEST(LockstepLanes, AStepWithoutAnySampleMovesNoStatistics) {
  FourLanes lanes;
  for (std::size_t lane = 0; lane < 4; ++lane) lanes.spoil(lane);
  const StepOutcome outcome = lanes.step();
  EXPECT_THAT(outcome.facts.loss, ElementsAre(0.0, 0.0, 0.0, 0.0));
  const auto statistics = lanes.toy.classifier->statistics();
  EXPECT_EQ(statistics[0].tensor.count_nonzero().item<std::int64_t>(), 0);
  EXPECT_TRUE(statistics[1].tensor.eq(1).all().item<bool>());
}

TEST(LockstepLanes, ALaneThatThrowsEndsTheStepForAll) {
  FourLanes lanes;
  const Batch good = lanes.batches[1];
  lanes.batches[1].inputs["input"] = at::zeros({2, 4});  // five inputs are wanted
  EXPECT_THROW(lanes.step(), std::exception);
  lanes.batches[1] = good;
  expect_step_agrees(lanes);
}

TEST(LockstepLanes, TheSameStepsGiveTheSameBits) {
  FourLanes once;
  FourLanes again;
  for (int step = 0; step < 3; ++step) {
    once.step();
    again.step();
  }
  EXPECT_TRUE(once.toy.state.parameters.values().equal(again.toy.state.parameters.values()));
}

TEST(LockstepLanes, EvaluationTakesNoNotice) {
  FourLanes lanes;
  lanes.step();
  const at::NoGradGuard no_grad;
  Classifier& network = *lanes.toy.classifier;
  const at::Tensor values = lanes.toy.state.parameters.values().clone();
  network.set_training(false);
  const at::Tensor alone = network.forward(lanes.batches[0]);
  EXPECT_TRUE(values.equal(lanes.toy.state.parameters.values()));
  const auto p = network.parameters();
  const auto s = network.statistics();
  const at::Tensor hidden = at::linear(lanes.batches[0].inputs["input"], p[0].tensor);
  const at::Tensor normal = at::batch_norm(
      hidden, p[1].tensor, p[2].tensor, s[0].tensor, s[1].tensor, false, 0.1, 1e-5, false);
  EXPECT_TRUE(alone.equal(at::linear(normal.relu(), p[3].tensor, p[4].tensor)));
}

TEST(LockstepLanes, ATrainingPassOfItsOwnIsRefused) {
  FourLanes lanes;
  EXPECT_THROW(lanes.toy.classifier->forward(lanes.batches[0]), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
