// SPDX-License-Identifier: Apache-2.0
#include "launch/report/run_comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>

#include <nlohmann/json.hpp>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr const char* kColumns[] = {"top-1, %",
                                    "top-5, %",
                                    "mean over classes, %",
                                    "mean average precision, %",
                                    "loss, last epoch",
                                    "accuracy in training, last epoch, %",
                                    "steps",
                                    "training, s"};

/// NaN for null: its labels do not allow this score.
double score_of(const nlohmann::json& report, const char* name) {
  const nlohmann::json& value = report.at(name);
  return value.is_null() ? std::nan("") : value.get<double>();
}

/// Of reports before there was a choice: the last weights on data.eval.
std::string scored_in(const nlohmann::json& report) {
  std::string of = report.value("on", "eval") == "holdout" ? "held-out part" : "";
  if (report.value("averaged", false)) of += of.empty() ? "averaged weights" : ", averaged weights";
  return of;
}

std::optional<RunScores> read_scores(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  try {
    const auto report = nlohmann::json::parse(pipeline::read_file(file));
    return RunScores{score_of(report, "top1"),
                     score_of(report, "top5"),
                     score_of(report, "mean_class_accuracy"),
                     score_of(report, "mean_average_precision"),
                     scored_in(report)};
  } catch (const nlohmann::json::exception& error) {
    throw pipeline::Error(Errc::kCorruptData,
                          text_of(file.string(),
                                  " is no report of an evaluation: ",
                                  error.what(),
                                  "; evaluate the run again"));
  }
}

/// Mean of a field over the steps of the last epoch; NaN without steps.
double last_epoch(const RunHistory& history, double pipeline::StepMetrics::*field) {
  double sum = 0.0;
  double count = 0.0;
  for (const pipeline::StepMetrics& step : history.steps) {
    if (step.epoch != history.steps.back().epoch || !std::isfinite(step.*field)) continue;
    sum += step.*field;
    count += 1.0;
  }
  return sum / count;
}

/// By column; NaN where it is not known.
std::vector<double> values_of(const ComparedRun& run) {
  const double unknown = std::nan("");
  const RunHistory& history = run.history;
  const RunScores scores = run.scores.value_or(RunScores{unknown, unknown, unknown, unknown, ""});
  const bool known = !history.steps.empty();
  return {scores.top1,
          scores.top5,
          scores.mean_class_accuracy,
          scores.mean_average_precision,
          last_epoch(history, &pipeline::StepMetrics::loss),
          last_epoch(history, &pipeline::StepMetrics::accuracy),
          known ? static_cast<double>(history.steps.back().step) : unknown,
          known ? history.seconds(run.config.train.global_batch) : unknown};
}

/// Whether runs that differ in this key are still the same but for chance.
bool is_of_one_group(const ConfigKey& key) {
  return key.path == "seed" || key.path == "output" || key.rule == ResumeRule::kMayChange;
}

/// Runs of one group are the same but for chance, and so is what was scored.
std::string group_of(const ComparedRun& run) {
  std::string text = run.scores ? run.scores->of + "\n" : "\n";
  for (const ConfigKey& key : config_keys()) {
    if (!is_of_one_group(key)) text += text_of_value(key.get(run.config)) + "\n";
  }
  return text;
}

ordered_json summary_of(const std::vector<double>& values) {
  std::vector<double> known;
  std::copy_if(values.begin(), values.end(), std::back_inserter(known), [](double value) {
    return std::isfinite(value);
  });
  const auto count = static_cast<double>(known.size());
  double mean = 0.0;
  for (const double value : known) mean += value / count;
  double squares = 0.0;
  for (const double value : known) squares += (value - mean) * (value - mean);
  return {{"mean", known.empty() ? ordered_json() : ordered_json(mean)},
          {"deviation",
           known.size() < 2 ? ordered_json() : ordered_json(std::sqrt(squares / (count - 1.0)))},
          {"runs", known.size()}};
}

ordered_json groups_of(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const ComparedRun*>> members;
  for (const ComparedRun& run : runs) {
    const std::string group = group_of(run);
    if (!members.contains(group)) order.push_back(group);
    members[group].push_back(&run);
  }
  ordered_json groups = ordered_json::array();
  for (const std::string& group : order) {
    std::string name;
    std::vector<std::vector<double>> columns(std::size(kColumns));
    for (const ComparedRun* run : members[group]) {
      name += (name.empty() ? "" : ", ") + run->name;
      const std::vector<double> values = values_of(*run);
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c].push_back(values[c]);
    }
    ordered_json summary = ordered_json::array();
    for (const std::vector<double>& column : columns) summary.push_back(summary_of(column));
    groups.push_back({{"name", name}, {"summary", std::move(summary)}});
  }
  return groups;
}

ordered_json differing(const std::vector<ComparedRun>& runs) {
  ordered_json keys = ordered_json::array();
  for (const ConfigKey& key : config_keys()) {
    std::vector<std::string> values;
    for (const ComparedRun& run : runs) values.push_back(text_of_value(key.get(run.config)));
    const bool differ =
        std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end();
    if (differ) keys.push_back({{"key", key.path}, {"values", values}});
  }
  return keys;
}

}  // namespace

ComparedRun read_run(const fs::path& folder) {
  const fs::path file = folder / "config.yaml";
  require(fs::exists(file),
          Errc::kNotFound,
          folder.string(),
          " has no config.yaml: expected the output folder of a training");
  ComparedRun run;
  run.name = folder.string();
  run.config = parse_config(pipeline::read_file(file), file.string()).config;
  run.history = read_history(folder / "metrics.jsonl");
  run.scores = read_scores(folder / "report" / "report.json");
  return run;
}

ordered_json comparison_page(const std::vector<ComparedRun>& runs) {
  ordered_json compared;
  compared["columns"] = kColumns;
  for (const ComparedRun& run : runs) {
    const std::string of = run.scores ? run.scores->of : "";
    ordered_json one = {{"name", run.name + (of.empty() ? "" : " (" + of + ")")},
                        {"values", values_of(run)}};
    if (ordered_json drawn = curves(run.history); !drawn.is_null()) {
      one["history"] = std::move(drawn);
    }
    compared["runs"].push_back(std::move(one));
  }
  compared["groups"] = groups_of(runs);
  compared["keys"] = differing(runs);
  return {{"title", text_of(runs.size(), " runs side by side")},
          {"subtitle", "From the folders that the runs wrote."},
          {"compared", std::move(compared)}};
}

}  // namespace larkspur::launch
