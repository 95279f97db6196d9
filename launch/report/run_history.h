// SPDX-License-Identifier: Apache-2.0
// The learning curves of a run, from its metrics.jsonl.
//
// A run that was started again has several headers in its file and may have done some steps twice:
// the later line of a step counts. Lines that are none of ours (torn by a kill) are counted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "pipeline/metrics.h"

namespace larkspur::launch {

struct RunHistory {
  std::vector<pipeline::StepMetrics> steps;              ///< by step, each once
  std::vector<pipeline::EvaluationMetrics> evaluations;  ///< beside the training, likewise
  std::int64_t total_steps = 0;  ///< of the whole run; 0: the file does not say
  std::int64_t starts = 0;       ///< headers
  std::int64_t torn = 0;         ///< lines that could not be read

  /// Where the time of these steps went, seconds on rank 0.
  double seconds(std::int64_t global_batch) const;
  double data_wait() const;
  double reduce_wait() const;
};

/// The file as far as it is written. Empty where there is none.
RunHistory read_history(const std::filesystem::path& metrics_file);

/// {first_step, last_step, total_steps, starts, torn, bin, steps: [...], series: {NAME: {mean, low,
/// high}}}. At most `points` entries an array: each stands for `bin` steps in a row, `steps` for
/// the last of them; what is not finite is left out, null where nothing remains. Names are those of
/// the file. Where there are any, `evaluations` too, every one: {held_out, steps, top1,
/// mean_class_accuracy, mean_average_precision}. null for a history without steps.
nlohmann::ordered_json curves(const RunHistory& history, std::int64_t points = 300);

}  // namespace larkspur::launch
