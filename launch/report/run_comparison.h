// SPDX-License-Identifier: Apache-2.0
// Several runs side by side, and what they have in common.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "launch/config/run_config.h"
#include "launch/report/run_history.h"

namespace larkspur::launch {

/// The scores of an evaluation, percent; NaN for those that its labels do not allow.
struct RunScores {
  double top1 = 0.0;
  double top5 = 0.0;
  double mean_class_accuracy = 0.0;
  double mean_average_precision = 0.0;
  std::string of;  ///< what was scored where it is not data.eval by the last weights, for people
};

/// What a run's folder tells.
struct ComparedRun {
  std::string name;
  RunConfig config;
  RunHistory history;
  std::optional<RunScores> scores;  ///< of report/report.json; none: not evaluated there
};

/// Reads config.yaml, metrics.jsonl and report/report.json; name is the folder as it was given.
/// Throws kNotFound where there is no config.yaml, kInvalidArgument for one that is none,
/// kCorruptData for a report.json without scores.
ComparedRun read_run(const std::filesystem::path& folder);

/// The data of the page (page.h), with `compared`: {columns: [name], runs: [{name, values,
/// history}], groups: [{name, summary: [{mean, deviation, runs}]}], keys: [{key, values}]}. A value
/// is null where it is not known. A group is the runs whose configurations differ in nothing but
/// the seed, the output and keys that no bit depends on; `deviation` is the sample's, null for one
/// run; `keys` are those in which runs differ.
nlohmann::ordered_json comparison_page(const std::vector<ComparedRun>& runs);

}  // namespace larkspur::launch
