// SPDX-License-Identifier: Apache-2.0
// Follows a run's metrics.jsonl while another process writes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/metrics.h"

namespace larkspur::launch {

/// What the header of one start of the program says.
struct RunStart {
  std::int64_t first_step = 0;
  std::int64_t total_steps = 0;  ///< of the whole run; 0: the header does not say
};

using MetricsLine = std::variant<RunStart, pipeline::StepMetrics, pipeline::EvaluationMetrics>;

/// One line of the file. Nothing (an empty vector) where it is not one of ours; keys it lacks keep
/// their defaults.
std::vector<MetricsLine> parse_metrics_line(const std::string& line);

/// Lines that come after it was made. The file need not be there yet; one that is shorter than
/// before is read from its beginning. Memory: one piece of 256 KiB. Not thread-safe.
class MetricsTail {
 public:
  explicit MetricsTail(std::filesystem::path file);

  /// The lines completed since the last call, at most a piece of the file. Never throws for what
  /// the file holds or lacks.
  std::vector<MetricsLine> poll();

 private:
  std::filesystem::path file_;
  std::uintmax_t offset_ = 0;
};

}  // namespace larkspur::launch
