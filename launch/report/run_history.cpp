// SPDX-License-Identifier: Apache-2.0
#include "launch/report/run_history.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

#include "launch/supervise/metrics_tail.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::EvaluationMetrics;
using pipeline::StepMetrics;

template <typename Metrics>
void forget_from(std::vector<Metrics>& steps, std::int64_t first) {
  while (!steps.empty() && steps.back().step >= first) steps.pop_back();
}

template <typename Field>
double sum_of(const std::vector<StepMetrics>& steps, const Field& field) {
  double sum = 0.0;
  for (const StepMetrics& step : steps) {
    const double value = field(step);
    if (std::isfinite(value)) sum += value;
  }
  return sum;
}

/// As many digits as a picture can show.
ordered_json drawn(double value) {
  if (!std::isfinite(value)) return nullptr;
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  return std::strtod(digits, nullptr);
}

/// Mean, least and greatest of some values in a row.
struct Band {
  double sum = 0.0;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  std::int64_t count = 0;

  void add(double value) {
    if (!std::isfinite(value)) return;
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
    ++count;
  }
};

/// The fields of some steps in a row, one entry more on each array of `series`.
void add_point(std::span<const StepMetrics> steps, ordered_json& series) {
  StepMetrics names;
  std::size_t field = 0;
  pipeline::visit_fields(names, [&](const char* name, const auto&) {
    Band band;
    for (const StepMetrics& step : steps) {
      std::size_t at = 0;
      pipeline::visit_fields(step, [&](const char*, const auto& value) {
        if (at++ == field) band.add(static_cast<double>(value));
      });
    }
    ++field;
    if (std::string_view(name) == "step") return;
    series[name]["mean"].push_back(drawn(band.sum / static_cast<double>(band.count)));
    series[name]["low"].push_back(drawn(band.low));
    series[name]["high"].push_back(drawn(band.high));
  });
}

/// All of them: there are not as many as steps.
ordered_json curves_of(const std::vector<EvaluationMetrics>& evaluations) {
  ordered_json curve{{"held_out", evaluations.back().held_out}};
  for (const EvaluationMetrics& each : evaluations) {
    curve["steps"].push_back(each.step);
    curve["top1"].push_back(drawn(each.top1));
    curve["mean_class_accuracy"].push_back(drawn(each.mean_class_accuracy));
    curve["mean_average_precision"].push_back(drawn(each.mean_average_precision));
  }
  return curve;
}

}  // namespace

double RunHistory::seconds(std::int64_t global_batch) const {
  return sum_of(steps, [&](const StepMetrics& step) {
    return static_cast<double>(global_batch) / step.samples_per_second;
  });
}

double RunHistory::data_wait() const {
  return sum_of(steps, [](const StepMetrics& step) { return step.data_wait_seconds; });
}

double RunHistory::reduce_wait() const {
  return sum_of(steps, [](const StepMetrics& step) { return step.exposed_reduce_seconds; });
}

RunHistory read_history(const std::filesystem::path& metrics_file) {
  RunHistory history;
  std::ifstream file(metrics_file, std::ios::binary);
  for (std::string text; std::getline(file, text);) {
    const std::vector<MetricsLine> lines = parse_metrics_line(text);
    if (lines.empty()) ++history.torn;
    for (const MetricsLine& line : lines) {
      if (const auto* start = std::get_if<RunStart>(&line)) {
        forget_from(history.steps, start->first_step);
        forget_from(history.evaluations, start->first_step);
        history.total_steps = start->total_steps;
        ++history.starts;
      } else if (const auto* evaluation = std::get_if<EvaluationMetrics>(&line)) {
        forget_from(history.evaluations, evaluation->step);
        history.evaluations.push_back(*evaluation);
      } else {
        const auto& step = std::get<StepMetrics>(line);
        forget_from(history.steps, step.step);
        history.steps.push_back(step);
      }
    }
  }
  return history;
}

ordered_json curves(const RunHistory& history, std::int64_t points) {
  const std::span<const StepMetrics> steps = history.steps;
  if (steps.empty()) return nullptr;
  const auto count = static_cast<std::int64_t>(steps.size());
  const std::int64_t bin = (count + points - 1) / points;
  ordered_json places = ordered_json::array();
  ordered_json series;
  for (std::int64_t begin = 0; begin < count; begin += bin) {
    const auto part = steps.subspan(static_cast<std::size_t>(begin),
                                    static_cast<std::size_t>(std::min(bin, count - begin)));
    places.push_back(part.back().step);
    add_point(part, series);
  }
  ordered_json drawing{{"first_step", steps.front().step},
                       {"last_step", steps.back().step},
                       {"total_steps", history.total_steps},
                       {"starts", history.starts},
                       {"torn", history.torn},
                       {"bin", bin},
                       {"steps", std::move(places)},
                       {"series", std::move(series)}};
  if (!history.evaluations.empty()) drawing["evaluations"] = curves_of(history.evaluations);
  return drawing;
}

}  // namespace larkspur::launch
