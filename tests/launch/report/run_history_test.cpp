// SPDX-License-Identifier: Apache-2.0
#include "launch/report/run_history.h"

#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;

class History : public ::testing::Test {
 protected:
  void add(const std::string& text) { std::ofstream(file_, std::ios::app) << text; }
  void add_steps(int first, int last, double loss) {
    for (int step = first; step <= last; ++step) {
      add(ordered_json{{"step", step},
                       {"loss", loss},
                       {"samples_per_second", 8.0},
                       {"data_wait_seconds", 0.25},
                       {"exposed_reduce_seconds", 0.125}}
              .dump() +
          "\n");
    }
  }

  testing::TempDir dir_;
  std::filesystem::path file_ = dir_.path() / "metrics.jsonl";
};

TEST_F(History, OfNoFileIsEmptyAndDrawsNothing) {
  EXPECT_TRUE(read_history(file_).steps.empty());
  EXPECT_TRUE(curves(read_history(file_)).is_null());
}

TEST_F(History, WhatARunDidTwiceCountsOnceAndTornLinesAreCounted) {
  add("{\"schema\":1,\"first_step\":1,\"total_steps\":10}\n");
  add_steps(1, 6, 1.0);
  add("{\"step\":7,\"lo\n");
  add("{\"schema\":1,\"first_step\":4,\"total_steps\":20}\n");
  add_steps(4, 5, 2.0);
  const RunHistory history = read_history(file_);
  EXPECT_EQ(history.starts, 2);
  EXPECT_EQ(history.torn, 1);
  EXPECT_EQ(history.total_steps, 20);
  const ordered_json drawn = curves(history);
  EXPECT_EQ(drawn["steps"], (ordered_json{1, 2, 3, 4, 5}));
  EXPECT_EQ(drawn["series"]["loss"]["mean"], (ordered_json{1.0, 1.0, 1.0, 2.0, 2.0}));
  EXPECT_DOUBLE_EQ(history.seconds(16), 10.0);
  EXPECT_DOUBLE_EQ(history.data_wait(), 1.25);
  EXPECT_DOUBLE_EQ(history.reduce_wait(), 0.625);
}

TEST_F(History, LongOnesAreDrawnAsMeansWithTheirRange) {
  add_steps(1, 4, 1.0);
  add_steps(5, 6, 3.0);
  add("{\"step\":7,\"loss\":null}\n");
  const ordered_json drawn = curves(read_history(file_), 2);
  EXPECT_EQ(drawn["bin"], 4);
  EXPECT_EQ(drawn["steps"], (ordered_json{4, 7}));
  EXPECT_EQ(drawn["series"]["loss"]["mean"], (ordered_json{1.0, 3.0}));  // null left out
  add_steps(7, 8, 6.0);
  const ordered_json longer = curves(read_history(file_), 2);
  EXPECT_EQ(longer["series"]["loss"]["mean"], (ordered_json{1.0, 4.5}));
  EXPECT_EQ(longer["series"]["loss"]["low"], (ordered_json{1.0, 3.0}));
  EXPECT_EQ(longer["series"]["loss"]["high"], (ordered_json{1.0, 6.0}));
}

TEST_F(History, EvaluationsStandBesideTheStepsAndAreDoneTwiceLikewise) {
  const auto evaluation = [&](int step, double top1) {
    add(ordered_json{{"evaluation",
                      {{"step", step},
                       {"held_out", true},
                       {"top1", top1},
                       {"mean_average_precision", nullptr}}}}
            .dump() +
        "\n");
  };
  add("{\"schema\":1,\"first_step\":1,\"total_steps\":6}\n");
  add_steps(1, 4, 1.0);
  evaluation(2, 50.0);
  evaluation(4, 60.0);
  add("{\"schema\":1,\"first_step\":3,\"total_steps\":6}\n");
  add_steps(3, 6, 1.0);
  evaluation(4, 65.0);
  const RunHistory history = read_history(file_);
  EXPECT_EQ(history.torn, 0);
  EXPECT_EQ(history.steps.size(), 6U);
  const ordered_json drawn = curves(history)["evaluations"];
  EXPECT_EQ(drawn["held_out"], true);
  EXPECT_EQ(drawn["steps"], (ordered_json{2, 4}));
  EXPECT_EQ(drawn["top1"], (ordered_json{50.0, 65.0}));
  EXPECT_EQ(drawn["mean_average_precision"], (ordered_json{nullptr, nullptr}));
}

TEST_F(History, StepsWithoutANumberAreAGap) {
  add("{\"step\":1,\"loss\":null}\n{\"step\":2,\"loss\":0.5}\n");
  const ordered_json loss = curves(read_history(file_))["series"]["loss"];
  EXPECT_EQ(loss["mean"], (ordered_json{nullptr, 0.5}));
  EXPECT_EQ(loss["low"], (ordered_json{nullptr, 0.5}));
}

}  // namespace
}  // namespace larkspur::launch
