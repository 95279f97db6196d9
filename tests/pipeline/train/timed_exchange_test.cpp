// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/timed_exchange.h"

#include <chrono>
#include <thread>

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

}  // namespace
}  // namespace larkspur::pipeline
