// SPDX-License-Identifier: Apache-2.0
#include "launch/report/train_page.h"

#include <cmath>
#include <filesystem>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "launch/report/page.h"
#include "pipeline/storage/durable_file.h"
#include "tests/support/report_page.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;

class TrainPageFile : public ::testing::Test {
 protected:
  TrainPageFile() {
    context_.config.output = (dir_.path() / "run").string() + "/";
    context_.config.train.epochs = 2;
    context_.config.train.global_batch = 16;
    context_.job = {"", {}, 0xab, 2, 1, "a processor"};
    context_.versions = "larkspur 1.0\n";
    std::filesystem::create_directories(dir_.path() / "run" / "report");
  }

  /// Steps of an epoch of three, as training reports them.
  void train(std::int64_t first, std::int64_t last) {
    pipeline::FanOutSink sinks;
    const std::string header =
        ordered_json{{"schema", 1}, {"first_step", first}, {"total_steps", 6}}.dump();
    sinks.add(
        std::make_unique<pipeline::JsonLinesSink>(dir_.path() / "run" / "metrics.jsonl", header));
    sinks.add(std::make_unique<TrainPage>(context_, 3));
    for (std::int64_t step = first; step <= last; ++step) {
      pipeline::StepMetrics metrics;
      metrics.step = step;
      metrics.epoch = (step - 1) / 3;
      metrics.loss = 2.0;
      metrics.samples_per_second = 0.1;
      sinks.step(metrics);
    }
  }

  ordered_json data() const { return testing::data_of_page(pipeline::read_file(page_)); }

  testing::TempDir dir_;
  std::filesystem::path page_ = dir_.path() / "run" / "report" / "train.html";
  TrainPageContext context_;
};

TEST_F(TrainPageFile, WhereItCannotBeWrittenTheTrainingGoesOn) {
  std::filesystem::remove(dir_.path() / "run" / "report");
  ::testing::internal::CaptureStderr();
  train(1, 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::HasSubstr("the page stays as it was: cannot create"));
}

TEST_F(TrainPageFile, IsRenewedAtTheEndOfEachEpoch) {
  train(1, 2);
  EXPECT_FALSE(std::filesystem::exists(page_));
  train(3, 5);
  EXPECT_EQ(data()["title"], "Training of run");
  EXPECT_EQ(data()["history"]["last_step"], 3);
  EXPECT_EQ(data()["history"]["starts"], 2);
  EXPECT_EQ(data()["tiles"][0][0], "3 / 6");
  EXPECT_EQ(data()["tiles"][1][0], "1 / 2");
  EXPECT_EQ(data()["tiles"][2][0], "2");
  EXPECT_EQ(data()["tiles"][4][0], "8 min");  // three steps of 160 s
  EXPECT_TRUE(data().contains("renew"));
  train(6, 6);
  EXPECT_EQ(data()["history"]["last_step"], 6);
  EXPECT_FALSE(data().contains("renew"));
}

TEST_F(TrainPageFile, ShowsTheEvaluationsAndTheEarliestOfTheBest) {
  train(1, 3);
  pipeline::EvaluationMetrics evaluation{3, 0, true, 50.0, 40.0, std::nan(""), 8, 0.1};
  const std::filesystem::path metrics = dir_.path() / "run" / "metrics.jsonl";
  for (const auto& [step, top1] : {std::pair{1, 50.0}, {2, 62.5}, {3, 62.5}}) {
    evaluation.step = step;
    evaluation.top1 = top1;
    pipeline::JsonLinesSink(metrics, R"({"schema":1,"first_step":4,"total_steps":6})")
        .evaluation(evaluation);
    TrainPage(context_, 3).evaluation(evaluation);
  }
  EXPECT_EQ(data()["history"]["evaluations"]["steps"], (ordered_json{1, 2, 3}));
  const ordered_json tile = data()["tiles"][5];
  EXPECT_EQ(tile[0], "62.50 %");
  EXPECT_EQ(tile[1], "best on the held-out part");
  EXPECT_EQ(tile[2], "after step 2");
}

TEST_F(TrainPageFile, SaysTheTimeToTheEndInRoundWords) {
  const auto left = [&](double samples_per_second) {
    RunHistory history;
    history.total_steps = 2;
    history.steps.resize(1);
    history.steps[0].step = 1;
    history.steps[0].samples_per_second = samples_per_second;
    return training_page(history, context_)["tiles"][4][0].get<std::string>();
  };
  EXPECT_EQ(left(16.0), "1 s");
  EXPECT_EQ(left(16.0 / 600), "10 min");
  EXPECT_EQ(left(16.0 / 9000), "2.5 h");
}

}  // namespace
}  // namespace larkspur::launch
