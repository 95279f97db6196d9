// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/trainer.h"

#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include "distributed/group_communicator.h"
#include "distributed/tree_exchange.h"
#include "pipeline/error.h"
#include "pipeline/require.h"
#include "pipeline/train/lane_batches.h"
#include "tests/support/thread_ranks.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::ToyRun;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Trainer, LearnsAndReportsEveryStepOnce) {
  ToyRun toy;
  toy.options.epochs = 30;
  EXPECT_EQ(toy.run(), TrainEnd::kFinished);
  ASSERT_EQ(toy.sink.steps.size(), 150U);
  EXPECT_EQ(toy.sink.steps.front().step, 1);
  EXPECT_EQ(toy.sink.steps[5].epoch, 1);
  EXPECT_LT(toy.sink.steps.back().loss, 0.75 * toy.sink.steps.front().loss);
}

TEST(Trainer, AStepWithoutASampleHasNoAccuracy) {
  ToyRun toy;
  for (int id = 0; id < 40; ++id) toy.source.spoil(id, Errc::kCorruptData);
  toy.run();
  EXPECT_TRUE(std::isnan(toy.sink.steps.front().accuracy));
}

/// 40 samples, 4 a step with two views each: they are the views that a batch of its own would have.
TEST(Trainer, RepeatsASampleInAStepWithAnotherView) {
  ToyRun toy;
  toy.options.repeats = 2;
  toy.source.spoil(3, Errc::kCorruptData);
  EXPECT_EQ(toy.run(), TrainEnd::kFinished);
  ASSERT_EQ(toy.sink.steps.size(), 20U);
  EXPECT_EQ(toy.sink.steps[10].epoch, 1);
  EXPECT_EQ(toy.state.bad.size(), 1U);
  const StepShape shape = shape_of(toy.options, 40);
  const auto requests = lane_batches(toy.options, shape, {0, 4, 4}, 0);
  std::set<std::uint32_t> samples;
  for (std::int64_t lane = 0; lane < 40; ++lane) {
    ASSERT_EQ(requests(lane).size(), 1U);
    EXPECT_EQ(requests(lane).front().views, 2);
    samples.insert(requests(lane).front().key.sample);
  }
  EXPECT_EQ(samples.size(), 40U);
  toy.options.global_batch = 12;
  EXPECT_THROW(toy.run(), Error);
}

/// The loss that is reported is the mean over what was read, however many views a sample has.
TEST(Trainer, TheLossOfAStepIsOneOfWhatWasRead) {
  const auto first_loss = [](int repeats, bool spoils) {
    ToyRun toy;
    toy.options.repeats = repeats;
    toy.options.lanes = 1;
    toy.options.global_batch = 40;
    toy.options.stop_after_steps = 1;
    toy.options.learning_rate = 0.0;
    if (spoils) {
      for (int id = 0; id < 20; ++id) toy.source.spoil(id, Errc::kCorruptData);
    }
    toy.run();
    return toy.sink.steps.front().loss;
  };
  for (const int repeats : {1, 2}) {
    EXPECT_NEAR(first_loss(repeats, true) / first_loss(repeats, false), 1.0, 0.15) << repeats;
  }
}

TEST(Trainer, SavesAtTheEndOfEachEpochByDefault) {
  ToyRun toy;
  toy.run();
  EXPECT_THAT(toy.saved_at, ElementsAre(5, 10));
}

TEST(Trainer, SavesEverySoManyStepsAndAtTheEnd) {
  ToyRun toy;
  toy.options.checkpoint_every = 4;
  toy.run();
  EXPECT_THAT(toy.saved_at, ElementsAre(4, 8, 10));
}

TEST(Trainer, StopsAtTheStepLimitWithACheckpoint) {
  ToyRun toy;
  toy.options.stop_after_steps = 3;
  EXPECT_EQ(toy.run(), TrainEnd::kStepLimit);
  EXPECT_EQ(toy.state.step, 3);
  EXPECT_THAT(toy.saved_at, ElementsAre(3));
}

/// Passes every call on; its sums are taken, or its new weights set out, late.
class LateExchange final : public GradientExchange {
 public:
  struct Delays {
    std::chrono::milliseconds reduce{0};
    std::chrono::milliseconds gather{0};
  };

  LateExchange(GradientExchange& exchange, const Delays& late) : exchange_(exchange), late_(late) {}

  void lane_done(int lane, int bucket) override { exchange_.lane_done(lane, bucket); }
  at::Tensor reduce() override {
    std::this_thread::sleep_for(late_.reduce);
    return exchange_.reduce();
  }
  at::Tensor mean_of_rows(const at::Tensor& mine, const std::vector<int>& rows) override {
    return exchange_.mean_of_rows(mine, rows);
  }
  void gather() override {
    std::this_thread::sleep_for(late_.gather);
    exchange_.gather();
  }
  void wait(int bucket) override { exchange_.wait(bucket); }

 private:
  GradientExchange& exchange_;
  Delays late_;
};

/// Ranks read the sums of others where those have them: who is done early must leave them there.
TEST(Trainer, LeavesGradientsAloneUntilLateRanksHaveReadThem) {
  const auto trained = [](int ranks, int late_rank) {
    at::Tensor values;
    const auto rank_of = [&](distributed::ProcessGroup& group) {
      ToyRun toy;
      toy.options.lanes = 2;
      toy.options.stop_after_steps = 4;
      TrainState state(*toy.classifier, 64, group.rank(), group.size(), {});
      distributed::GroupCommunicator communicator(group);
      distributed::TreeExchange exchange(
          group, state.parameters, lanes_of_rank(group.rank(), group.size(), 2));
      LateExchange late(exchange,
                        {.reduce = std::chrono::milliseconds(group.rank() == late_rank ? 20 : 0)});
      TrainParts parts{{*toy.classifier, state, late, communicator},
                       toy.source,
                       toy.sink,
                       toy.requests,
                       nullptr,
                       [] {}};
      train(toy.options, parts);
      if (group.rank() == 0) values = state.parameters.values().clone();
    };
    testing::run_ranks(ranks, rank_of, 30.0, /*reads_memory=*/true);
    return values;
  };
  const at::Tensor alone = trained(1, 0);
  EXPECT_TRUE(at::equal(trained(2, 0), alone));
  EXPECT_TRUE(at::equal(trained(2, 1), alone));
}

TEST(Trainer, LeavesNothingUnderWayWhereNothingIsSaved) {
  testing::run_ranks(2, [](distributed::ProcessGroup& group) {
    ToyRun toy;
    toy.options.stop_after_steps = 3;
    TrainState state(*toy.classifier, 64, group.rank(), group.size(), {});
    distributed::GroupCommunicator communicator(group);
    {
      distributed::TreeExchange exchange(
          group, state.parameters, lanes_of_rank(group.rank(), group.size(), toy.options.lanes));
      LateExchange late(exchange, {.gather = std::chrono::milliseconds(30 * group.rank())});
      TrainParts parts{{*toy.classifier, state, late, communicator},
                       toy.source,
                       toy.sink,
                       toy.requests,
                       nullptr,
                       [] {}};
      EXPECT_EQ(train(toy.options, parts), TrainEnd::kStepLimit);
    }
    // The exchange is gone, its group is not: a training may follow its rehearsal.
    const auto told =
        communicator.all_gather(std::to_string(state.parameters.values().sum().item<float>()));
    EXPECT_EQ(told[0], told[1]);
  });
}

TEST(Trainer, SaysWhatNextWhereNothingIsLeftToTrain) {
  ToyRun toy;
  toy.options.stop_after_steps = 3;
  toy.run();
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(toy.run(), TrainEnd::kStepLimit);
  toy.options.stop_after_steps = 0;
  toy.run();
  EXPECT_EQ(toy.run(), TrainEnd::kFinished);
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr("step 3 is at train.stop_after_steps: raise it to go on"));
  EXPECT_THAT(told, HasSubstr("step 10 is the last; for more epochs choose another output"));
}

TEST(Trainer, SavesAndLeavesWhenAsked) {
  ToyRun toy;
  toy.requests.stop = true;
  EXPECT_EQ(toy.run(), TrainEnd::kStopRequested);
  EXPECT_THAT(toy.saved_at, ElementsAre(1));
}

TEST(Trainer, SavesOnceAndGoesOnWhenAsked) {
  ToyRun toy;
  toy.requests.checkpoint = true;
  EXPECT_EQ(toy.run(), TrainEnd::kFinished);
  EXPECT_THAT(toy.saved_at, ElementsAre(1, 5, 10));
}

TEST(Trainer, EvaluatesTheEpochsThatAreDueOnceTheirStateIsSafe) {
  ToyRun toy;
  toy.options.checkpoint_every = 4;  // due after 4, 8 and, as the last one, 10
  std::vector<std::string> order;
  toy.evaluation.is_due = [](std::int64_t epoch) { return epoch == 0; };
  toy.evaluation.run = [&](std::int64_t epoch) {
    order.push_back(
        text_of("epoch ", epoch, " at step ", toy.state.step, ", saved ", toy.saved_at.back()));
  };
  toy.run();
  EXPECT_THAT(order, ElementsAre("epoch 0 at step 5, saved 5"));
  EXPECT_THAT(toy.saved_at, ElementsAre(4, 5, 8, 10));
}

TEST(Trainer, TheLastStateIsSafeBeforeItIsEvaluated) {
  ToyRun toy;
  std::vector<std::int64_t> saved;
  toy.evaluation.is_due = [](std::int64_t epoch) { return epoch == 1; };
  toy.evaluation.run = [&](std::int64_t) { saved = toy.saved_at; };
  toy.run();
  EXPECT_THAT(saved, ElementsAre(5, 10));
}

TEST(Trainer, WhoeverAskedForAStopDoesNotWaitForAnEvaluation) {
  ToyRun toy;
  toy.options.epochs = 3;
  int evaluations = 0;
  toy.evaluation.is_due = [&](std::int64_t epoch) {
    toy.requests.stop = epoch == 0;  // heard at the next step, the first of its epoch
    return true;
  };
  toy.evaluation.run = [&](std::int64_t) { ++evaluations; };
  toy.options.global_batch = 40;  // an epoch is a step
  EXPECT_EQ(toy.run(), TrainEnd::kStopRequested);
  EXPECT_EQ(evaluations, 1);
  EXPECT_THAT(toy.saved_at, ElementsAre(1, 2));
}

TEST(Trainer, NorDoesAStopThatComesInTheLastStep) {
  ToyRun toy;
  toy.requests.stop = true;
  toy.options.epochs = 1;
  toy.options.global_batch = 40;
  toy.evaluation.is_due = [](std::int64_t) { return true; };
  toy.evaluation.run = [](std::int64_t) { FAIL(); };
  EXPECT_EQ(toy.run(), TrainEnd::kFinished);
}

TEST(Trainer, AnEvaluationDoesNotTouchTheTraining) {
  ToyRun plain;
  ToyRun evaluated;
  evaluated.evaluation.is_due = [](std::int64_t) { return true; };
  evaluated.evaluation.run = [&](std::int64_t) { evaluated.classifier->set_training(false); };
  plain.run();
  evaluated.run();
  EXPECT_TRUE(evaluated.state.parameters.values().equal(plain.state.parameters.values()));
}

TEST(Trainer, CountsEachUnreadableSampleOnceOverEpochs) {
  ToyRun toy;
  toy.source.spoil(7, Errc::kNotFound);
  toy.source.spoil(8, Errc::kCorruptData);
  toy.run();
  EXPECT_EQ(toy.state.bad.size(), 2U);
  EXPECT_EQ(toy.sink.steps.back().bad_samples, 2);
}

TEST(Trainer, EndsWhenTooMuchIsUnreadableNamingTheFirstInEpochOrder) {
  ToyRun toy;
  for (int id = 0; id < 40; id += 3) toy.source.spoil(id, Errc::kCorruptData);
  toy.options.max_bad_fraction = 0.0;
  const EpochOrder order(40, toy.options.seed, 0);
  std::int64_t position = 0;
  while (order(position) % 3 != 0) ++position;
  try {
    toy.run();
    FAIL() << "did not end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kCorruptData);
    EXPECT_THAT(error.what(), HasSubstr("toy/" + std::to_string(order(position)) + " is spoiled"));
    EXPECT_THAT(error.what(), HasSubstr("data.max_bad_fraction=0"));
  }
}

TEST(Trainer, RefusesAListShorterThanAGlobalBatch) {
  ToyRun toy;
  toy.options.global_batch = 64;
  EXPECT_THROW(toy.run(), Error);
}

TEST(Trainer, RefusesLanesThatAreNoPowerOfTwo) {
  ToyRun toy;
  toy.options.lanes = 3;
  EXPECT_THROW(toy.run(), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
