// SPDX-License-Identifier: Apache-2.0
#include "launch/report/run_comparison.h"

#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "launch/config/config_schema.h"
#include "launch/verbs/commands.h"
#include "pipeline/storage/durable_file.h"
#include "tests/support/refusal.h"
#include "tests/support/report_page.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;

class Comparison : public ::testing::Test {
 protected:
  /// A run's folder; without `top1` it was not evaluated.
  std::string make(const std::string& name, RunConfig config, std::optional<double> top1) const {
    const std::filesystem::path folder = dir_.path() / name;
    std::filesystem::create_directories(folder / "report");
    config.output = folder.string();
    pipeline::write_and_rename(folder / "config.yaml", write_config(config));
    std::ofstream metrics(folder / "metrics.jsonl");
    for (int step = 1; step <= 4; ++step) {
      metrics << ordered_json{{"step", step},
                              {"epoch", (step - 1) / 2},
                              {"loss", 1.0 * step},
                              {"samples_per_second", 16.0}}
                     .dump()
              << "\n";
    }
    if (top1) {
      pipeline::write_and_rename(folder / "report" / "report.json",
                                 ordered_json{{"top1", *top1},
                                              {"top5", 99.0},
                                              {"mean_class_accuracy", 50.0},
                                              {"mean_average_precision", nullptr}}
                                     .dump());
    }
    return folder.string();
  }

  static RunConfig seeded(std::int64_t seed) {
    RunConfig config;
    config.seed = seed;
    return config;
  }

  testing::TempDir dir_;
};

TEST_F(Comparison, MeansAndDeviationsAreOverRunsThatDifferInTheirSeed) {
  RunConfig other = seeded(1);
  other.train.learning_rate = 0.5;
  const std::vector<std::string> folders{
      make("a", seeded(1), 80.0), make("b", other, std::nullopt), make("c", seeded(2), 83.0)};
  std::vector<ComparedRun> runs;
  for (const std::string& folder : folders) runs.push_back(read_run(folder));
  const ordered_json compared = comparison_page(runs)["compared"];
  const auto shown = ordered_json::parse(compared["runs"].dump());
  EXPECT_EQ(shown[0]["values"], (ordered_json{80.0, 99.0, 50.0, nullptr, 3.5, 0.0, 4.0, 4.0}));
  EXPECT_EQ(shown[1]["values"][0], nullptr);
  ASSERT_EQ(compared["groups"].size(), 2U);
  const ordered_json& seeds = compared["groups"][0];
  EXPECT_EQ(seeds["name"], folders[0] + ", " + folders[2]);
  EXPECT_DOUBLE_EQ(seeds["summary"][0]["mean"].get<double>(), 81.5);
  EXPECT_DOUBLE_EQ(seeds["summary"][0]["deviation"].get<double>(), std::sqrt(4.5));
  EXPECT_EQ(compared["groups"][1]["summary"][0],
            (ordered_json{{"mean", nullptr}, {"deviation", nullptr}, {"runs", 0}}));
  std::vector<std::string> keys;
  for (const ordered_json& key : compared["keys"]) keys.push_back(key["key"]);
  EXPECT_THAT(keys, ::testing::UnorderedElementsAre("seed", "output", "train.learning_rate"));
}

TEST_F(Comparison, ScoresOfOtherSamplesOrWeightsAreNoSeedsOfOneGroup) {
  std::vector<ComparedRun> runs;
  for (const std::string& folder : {make("a", seeded(1), 80.0), make("b", seeded(2), 83.0)}) {
    runs.push_back(read_run(folder));
  }
  const auto scores = pipeline::read_file(dir_.path() / "b/report/report.json");
  auto held = ordered_json::parse(scores);
  held["on"] = "holdout";
  held["averaged"] = true;
  pipeline::write_and_rename(dir_.path() / "b/report/report.json", held.dump());
  runs.push_back(read_run((dir_.path() / "b").string()));
  const ordered_json compared = comparison_page(runs)["compared"];
  ASSERT_EQ(compared["groups"].size(), 2U);
  EXPECT_EQ(compared["groups"][0]["summary"][0]["runs"], 2);
  EXPECT_EQ(compared["runs"][2]["name"], runs[1].name + " (held-out part, averaged weights)");
}

TEST_F(Comparison, OfWhatIsNoRunSaysWhatIsMissing) {
  const auto refusal = testing::refusal_of([&] { read_run(dir_.path() / "none"); });
  EXPECT_EQ(refusal.code, "not found");
  EXPECT_THAT(refusal.text, HasSubstr("config.yaml"));
  const std::string folder = make("a", seeded(1), 80.0);
  pipeline::write_and_rename(folder + "/report/report.json", "{\"top1\": 80}");
  const auto damaged = testing::refusal_of([&] { read_run(folder); });
  EXPECT_EQ(damaged.code, "corrupt data");
  EXPECT_THAT(damaged.text, HasSubstr(folder + "/report/report.json"));
}

TEST_F(Comparison, TheVerbWritesThePage) {
  const std::string output = (dir_.path() / "page.html").string();
  std::ostringstream out;
  Invocation call{"larkspur report",
                  {make("<b>", seeded(1), 80.0), make("c", seeded(2), 83.0), "--output", output},
                  out};
  run_report(call);
  EXPECT_THAT(out.str(), HasSubstr(output));
  const std::string page = pipeline::read_file(output);
  EXPECT_EQ(testing::count_of(page, "<b>"), 0);
  EXPECT_EQ(testing::data_of_page(page)["compared"]["runs"].size(), 2U);
}

}  // namespace
}  // namespace larkspur::launch
