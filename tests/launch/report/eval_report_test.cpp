// SPDX-License-Identifier: Apache-2.0
#include "launch/report/eval_report.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pipeline/storage/durable_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

pipeline::Evaluation two_of_three() {
  pipeline::Evaluation evaluation;
  evaluation.predictions = {{0, 0, {0, 1}, {0.75, 0.25}}, {2, 1, {0, 1}, {0.5, 0.5}}};
  evaluation.bad = {{1, 1, "b,<1>.off", pipeline::Errc::kNotFound, "b,<1>.off is not there"}};
  evaluation.scores =
      pipeline::score(evaluation.predictions, {1}, pipeline::BadSamplePolicy::kWrong, 2);
  return evaluation;
}

pipeline::Evaluation one_class() {
  pipeline::Evaluation evaluation;
  evaluation.predictions = {{0, 0, {0}, {1.0}}};
  return evaluation;
}

const EvalContext kContext{"rotate12",
                           12,
                           "run/step-1",
                           7,
                           {"bed", "night \"stand\""},
                           {"a.off", "b,<1>.off", "c,d.off"},
                           99,
                           "d1ge57"};

TEST(EvalReport, JsonHasTheFieldsOutsideProgramsReadInPercent) {
  const auto report = nlohmann::json::parse(report_json(two_of_three(), kContext));
  EXPECT_NEAR(report["top1"].get<double>(), 100.0 / 3.0, 1e-12);
  EXPECT_NEAR(report["top5"].get<double>(), 200.0 / 3.0, 1e-12);
  EXPECT_NEAR(report["mean_class_accuracy"].get<double>(), 50.0, 1e-12);
  EXPECT_EQ(report["samples"], 3);
  EXPECT_EQ(report["unreadable"], 1);
  EXPECT_EQ(report["views"], 12);
  EXPECT_EQ(report["protocol"], "rotate12");
  EXPECT_EQ(report["labelling"], "one");
  EXPECT_TRUE(report["trained_samples"].is_null());
  EXPECT_EQ(report["per_class"][1]["samples"], 2);
  EXPECT_EQ(report["checkpoint_digest"], "d1ge57");
  EXPECT_EQ(report["unreadable_files"][0]["file"], "b,<1>.off");
}

TEST(EvalReport, HasNoScoreThatLabelsDoNotAllow) {
  EvalContext context = kContext;
  context.labelling = Labelling::kNone;
  context.digest.clear();
  const auto none = nlohmann::json::parse(report_json(two_of_three(), context));
  EXPECT_EQ(none["labelling"], "none");
  EXPECT_EQ(none["samples"], 3);
  for (const char* score :
       {"top1", "top5", "mean_class_accuracy", "mean_average_precision", "checkpoint_digest"}) {
    EXPECT_TRUE(none.at(score).is_null()) << score;
  }
  EXPECT_TRUE(none["per_class"].empty());
  context.labelling = Labelling::kSeveral;
  pipeline::Evaluation evaluation = two_of_three();
  evaluation.scores.mean_average_precision = 12.5;
  evaluation.scores.per_class = {{2, 0, 12.5}, {}};
  const auto several = nlohmann::json::parse(report_json(evaluation, context));
  EXPECT_EQ(several["labelling"], "several");
  EXPECT_TRUE(several["top1"].is_null());
  EXPECT_EQ(several["mean_average_precision"], 12.5);
  EXPECT_EQ(several["per_class"][0]["average_precision"], 12.5);
  EXPECT_TRUE(several["per_class"][1]["average_precision"].is_null());
}

TEST(EvalReport, CsvQuotesWhatHasCommasAndQuotes) {
  const std::string csv = predictions_csv(two_of_three(), kContext);
  EXPECT_THAT(csv, HasSubstr("0,a.off,bed,bed,0.75,\"night \"\"stand\"\"\",0.25,,,,,,\n"));
  EXPECT_THAT(csv, HasSubstr("2,\"c,d.off\",\"night \"\"stand\"\"\",bed,0.5"));
  std::istringstream lines(
      predictions_csv(one_class(), {"fixed", 1, "run", 7, {"bed"}, {"a.off"}, 9}));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(std::ranges::count(line, ','), 12) << line;  // as many columns as the header has
  }
}

TEST(EvalReport, WritesThreeFilesIntoANewFolder) {
  const testing::TempDir folder;
  prepare_report_folder(folder.path() / "a" / "b");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "a" / "b"));
  write_eval_report(folder.path() / "a" / "b", two_of_three(), kContext);
  EXPECT_EQ(pipeline::read_file(folder.path() / "a" / "b" / "report.json"),
            report_json(two_of_three(), kContext));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "a" / "b" / "predictions.csv"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "a" / "b" / "report.html"));
}

TEST(EvalReport, AFolderThatCannotBeOneIsNoticedBeforeThereIsAReport) {
  const testing::TempDir folder;
  pipeline::write_and_rename(folder.path() / "file", "");
  const auto refusal = testing::refusal_of([&] { prepare_report_folder(folder.path() / "file"); });
  EXPECT_EQ(refusal.code, "input/output");
  EXPECT_THAT(refusal.text, HasSubstr((folder.path() / "file").string()));
}

}  // namespace
}  // namespace larkspur::launch
