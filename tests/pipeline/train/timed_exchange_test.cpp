// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/timed_exchange.h"

#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

class SlowExchange : public testing::SerialExchange {
 public:
  using SerialExchange::SerialExchange;
  at::Tensor reduce() override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return SerialExchange::reduce();
  }
};

TEST(TimedExchange, CountsWhatReduceTookAndPassesCallsOn) {
  testing::ToyRun toy;
  SlowExchange slow(toy.state.parameters);
  TimedExchange timed(slow);
  EXPECT_EQ(timed.reduce_seconds(), 0.0);
  for (const double steps : {1.0, 2.0}) {
    toy.state.parameters.gradients().fill_(steps);
    timed.lane_done(0, 0);
    EXPECT_EQ(timed.reduce()[0].item<double>(), steps);
    EXPECT_GE(timed.reduce_seconds(), steps * 0.02);
  }
}

/// Waits for others in the last bucket's lane_done, and looks at the board meanwhile.
class WaitingExchange : public testing::SerialExchange {
 public:
  WaitingExchange(FlatParameters& flat, const PhaseBoard& board)
      : SerialExchange(flat), board_(board) {}
  bool lane_done_waits(int lane, int /*bucket*/) const override { return lane == 1; }
  void lane_done(int lane, int bucket) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    phases.push_back(board_.report().phase);
    SerialExchange::lane_done(lane, bucket);
  }
  std::vector<RunPhase> phases;

 private:
  const PhaseBoard& board_;
};

TEST(TimedExchange, IsSeenToWaitWhereALaneWaitsForOthers) {
  testing::ToyRun toy;
  PhaseBoard board;
  board.enter(RunPhase::kCompute);
  WaitingExchange waits(toy.state.parameters, board);
  TimedExchange timed(waits, &board);
  timed.lane_done(0, 0);
  EXPECT_EQ(timed.reduce_seconds(), 0.0);
  timed.lane_done(1, 0);
  EXPECT_GE(timed.reduce_seconds(), 0.02);
  EXPECT_EQ(waits.phases, (std::vector{RunPhase::kCompute, RunPhase::kReduce}));
  EXPECT_EQ(board.report().phase, RunPhase::kCompute);
}

}  // namespace
}  // namespace larkspur::pipeline
