// SPDX-License-Identifier: Apache-2.0
// Whole pages, at as many classes as people have: every number of report.json is on them.
#include "launch/report/eval_page.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "launch/report/page.h"
#include "pipeline/storage/durable_file.h"
#include "tests/support/report_page.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy_source.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;

/// Every sample is a clip; no file is opened.
class Clips : public pipeline::SampleSource {
 public:
  explicit Clips(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  std::string name(std::int64_t id) const override { return std::to_string(id); }
  std::int64_t label(std::int64_t) const override { return 0; }

 private:
  pipeline::Result<std::vector<pipeline::Sample>> read_file(
      std::span<const pipeline::SampleKey> keys) const override {
    return std::vector<pipeline::Sample>(keys.size(),
                                         {{{"clip", at::zeros({3, 8, 112, 112})}}, {0}});
  }

  std::int64_t size_;
};

class EvalPage : public ::testing::Test {
 protected:
  /// Fifty samples a class, every third of them taken for another, one file unreadable.
  static pipeline::Evaluation evaluation_of(std::int64_t classes) {
    pipeline::Evaluation evaluation;
    for (std::int64_t id = 0; id < 50 * classes; ++id) {
      const std::int64_t label = id % classes;
      const std::int64_t found = id % 3 == 0 ? (label + 1 + id / 7 % 5) % classes : label;
      const double sure = 0.5 + 0.5 * static_cast<double>(id) / static_cast<double>(50 * classes);
      const std::int64_t second = (found + 1) % classes;
      evaluation.predictions.push_back({id, label, {found, second}, {sure, 1.0 - sure}});
    }
    evaluation.bad = {{7, 7, "<img src=x>.mp4", pipeline::Errc::kCorruptData, "<i>torn</i>"}};
    evaluation.predictions.erase(evaluation.predictions.begin() + 7);
    evaluation.scores = pipeline::score(
        evaluation.predictions, {7 % classes}, pipeline::BadSamplePolicy::kWrong, classes);
    return evaluation;
  }

  EvalContext context_of(std::int64_t classes) const {
    EvalContext context;
    context.protocol = "center";
    context.checkpoint = (dir_.path() / "run" / "checkpoints" / "step-000003.00000000").string();
    context.step = 3;
    for (std::int64_t id = 0; id < 50 * classes; ++id) {
      context.names.push_back("</script><b>/" + std::to_string(id) + ".mp4");
    }
    for (std::int64_t label = 0; label < classes; ++label) {
      context.classes.push_back("<script>alert(" + std::to_string(label) + ")</script>");
    }
    return context;
  }

  void write_run() const {
    const std::filesystem::path run = dir_.path() / "run";
    for (const char* step : {"step-000003.00000000", "step-000009.00000000"}) {
      std::filesystem::create_directories(run / "checkpoints" / step);
      pipeline::write_and_rename(run / "checkpoints" / step / "manifest.json", "{}");
    }
    std::ofstream metrics(run / "metrics.jsonl");
    metrics << "{\"schema\":1,\"first_step\":1,\"total_steps\":1000}\n";
    for (int step = 1; step <= 1000; ++step) metrics << "{\"step\":" << step << ",\"loss\":0.5}\n";
  }

  testing::TempDir dir_;
};

class EvalPageOf : public EvalPage, public ::testing::WithParamInterface<std::int64_t> {};

TEST_P(EvalPageOf, HasEveryNumberOfTheReportAndAPictureForEachMistake) {
  write_run();
  const pipeline::Evaluation evaluation = evaluation_of(GetParam());
  const EvalContext context = context_of(GetParam());
  const Clips source(50 * GetParam());
  const ordered_json report = report_of(evaluation, context);
  const EvalSurroundings around{source, {}, {}, {}, pipeline::RunIdentity{}, "larkspur 1\n", 2.0};
  const std::string page = fill_page(evaluation_page(report, evaluation, context, &around));
  EXPECT_LT(page.size(), 5'000'000U);
  EXPECT_EQ(testing::count_of(page, "</script>"), 2);
  EXPECT_EQ(testing::count_of(page, "<b>"), 0);
  EXPECT_EQ(testing::count_of(page, "data:image/bmp;base64,"), 12 * 4);

  const ordered_json data = testing::data_of_page(page);
  EXPECT_EQ(data["report"], ordered_json::parse(report_json(evaluation, context)));
  std::vector<std::int64_t> right(context.classes.size(), 0);
  std::vector<std::int64_t> all(context.classes.size(), 0);
  std::set<std::pair<std::int64_t, std::int64_t>> cells;
  for (const ordered_json& cell : data["confusion"]) {
    EXPECT_TRUE(cells.emplace(cell[0], cell[1]).second) << cell;
    EXPECT_GT(cell[2], 0);
    all[cell[0]] += cell[2].get<std::int64_t>();
    if (cell[0] == cell[1]) right[cell[0]] += cell[2].get<std::int64_t>();
  }
  for (std::size_t label = 0; label < all.size(); ++label) {
    const ordered_json& one = report["per_class"][label];
    EXPECT_EQ(right[label], one["correct"]);
    EXPECT_EQ(all[label] + (label == 7U % all.size() ? 1 : 0), one["samples"]);
  }
  EXPECT_EQ(data["history"]["steps"].size(), 250U);
  EXPECT_EQ(data["history"]["last_step"], 1000);
  EXPECT_EQ(data["unreadable_files"][0]["file"], "<img src=x>.mp4");
}

TEST_F(EvalPage, SaysWhichWeightsTheseAre) {
  write_run();
  const testing::ToySource source(100, {2}, 2);
  const pipeline::Evaluation evaluation = evaluation_of(2);
  EvalContext context = context_of(2);
  RunConfig config;
  config.train.epochs = 77;
  const EvalSurroundings around{source, config, {}, {}, pipeline::RunIdentity{}, "", 2.0};
  const auto subtitle = [&] {
    return evaluation_page(report_of(evaluation, context), evaluation, context, &around)["subtitle"]
        .get<std::string>();
  };
  EXPECT_THAT(subtitle(),
              ::testing::HasSubstr("step 3 of 1000; the run has later ones, up to step 9"));
  context.checkpoint = (dir_.path() / "run" / "checkpoints" / "step-000009.00000000").string();
  context.step = 9;
  EXPECT_THAT(subtitle(), ::testing::HasSubstr("the run's last, after step 9 of 1000"));

  const ordered_json data =
      evaluation_page(report_of(evaluation, context), evaluation, context, &around);
  std::vector<std::string> other;
  for (const ordered_json& key : data["configuration"]) {
    if (key["value"] != key["default"]) other.push_back(key["key"]);
    EXPECT_EQ(key.contains("trained"), key["key"] == "train.epochs") << key;
  }
  EXPECT_THAT(other, ::testing::ElementsAre("train.epochs"));
}

TEST_F(EvalPage, HasOnlyWhatTheLabelsAllow) {
  pipeline::Evaluation evaluation = evaluation_of(2);
  EvalContext context = context_of(2);
  const auto sections = [&] {
    std::set<std::string> keys;
    const ordered_json data =
        evaluation_page(report_of(evaluation, context), evaluation, context, nullptr);
    for (const auto& [key, value] : data.items()) keys.insert(key);
    return keys;
  };
  std::set<std::string> all{"title", "subtitle", "report", "unreadable_files", "facts"};
  const auto with = [&](std::set<std::string> more) {
    more.insert(all.begin(), all.end());
    return more;
  };
  EXPECT_EQ(sections(), with({"confusion", "mistakes"}));
  context.labelling = Labelling::kSeveral;
  context.labels.assign(100, {0, 1});
  EXPECT_EQ(sections(), with({"mistakes"}));
  context.labelling = Labelling::kNone;
  EXPECT_EQ(sections(), with({"predicted"}));
  const ordered_json data =
      evaluation_page(report_of(evaluation, context), evaluation, context, nullptr);
  std::int64_t predicted = 0;
  for (const ordered_json& row : data["predicted"]) predicted += row[1].get<std::int64_t>();
  EXPECT_EQ(predicted, std::ssize(evaluation.predictions));
}

TEST_F(EvalPage, SaysProtocolViewsAndSamplesOfTheTraining) {
  const pipeline::Evaluation evaluation = evaluation_of(2);
  EvalContext context = context_of(2);
  context.views = 12;
  const auto facts = [&] {
    return evaluation_page(report_of(evaluation, context), evaluation, context, nullptr)["facts"];
  };
  constexpr const char* kTrained = "samples that the checkpoint was trained on";
  EXPECT_THAT(facts(), ::testing::Contains(ordered_json{kTrained, "not known"}));
  EXPECT_THAT(facts(),
              ::testing::Contains(ordered_json{"protocol", "center (12 views of a sample)"}));
  context.trained_samples = 3;
  EXPECT_THAT(facts(), ::testing::Contains(ordered_json{kTrained, "3"}));
}

INSTANTIATE_TEST_SUITE_P(Classes, EvalPageOf, ::testing::Values(2, 40, 400));

}  // namespace
}  // namespace larkspur::launch
