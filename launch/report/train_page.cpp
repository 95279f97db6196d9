// SPDX-License-Identifier: Apache-2.0
#include "launch/report/train_page.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include "launch/report/page.h"
#include "launch/report/page_parts.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::text_of;

constexpr int kRenewSeconds = 60;
constexpr std::size_t kLatest = 100;  // steps

std::string in_digits(const char* format, double value) {
  char digits[64];
  std::snprintf(digits, sizeof digits, format, value);
  return digits;
}

std::string duration(double seconds) {
  if (seconds < 90.0) return in_digits("%.0f s", seconds);
  if (seconds < 5400.0) return in_digits("%.0f min", seconds / 60.0);
  return in_digits("%.1f h", seconds / 3600.0);
}

RunHistory latest(const RunHistory& history) {
  const std::size_t count = std::min(kLatest, history.steps.size());
  RunHistory tail;
  tail.steps.assign(history.steps.end() - static_cast<std::ptrdiff_t>(count), history.steps.end());
  return tail;
}

/// The earliest of the highest; null where nothing was evaluated.
const pipeline::EvaluationMetrics* best_of(const RunHistory& history) {
  const auto best = std::ranges::max_element(
      history.evaluations, {}, [](const auto& evaluation) { return evaluation.score(); });
  return best == history.evaluations.end() ? nullptr : &*best;
}

/// Value, name and note of each.
ordered_json tiles_of(const RunHistory& history, const RunConfig& config) {
  const RunHistory tail = latest(history);
  const auto count = static_cast<double>(tail.steps.size());
  double loss = 0.0;
  double accuracy = 0.0;
  for (const pipeline::StepMetrics& step : tail.steps) {
    loss += step.loss / count;
    accuracy += step.accuracy / count;
  }
  const pipeline::StepMetrics& last = history.steps.back();
  const double left = static_cast<double>(history.total_steps - last.step) *
                      tail.seconds(config.train.global_batch) / count;
  const std::string note = text_of("mean of ", tail.steps.size(), " steps");
  ordered_json tiles = ordered_json::array();
  tiles.push_back({text_of(last.step, " / ", history.total_steps), "steps", ""});
  tiles.push_back({text_of(last.epoch + 1, " / ", config.train.epochs), "epochs", ""});
  tiles.push_back({in_digits("%.4g", loss), "loss", note});
  tiles.push_back({in_digits("%.2f %%", accuracy), "accuracy in training", note});
  tiles.push_back({duration(left), "to the end", "at the speed of the last steps"});
  if (const auto best = best_of(history)) {
    tiles.push_back({in_digits("%.2f %%", best->score()),
                     best->held_out ? "best on the held-out part" : "best on data.eval",
                     text_of("after step ", best->step)});
  }
  tiles.push_back({text_of(last.bad_samples), "unreadable samples", "named in train.json"});
  return tiles;
}

}  // namespace

ordered_json training_page(const RunHistory& history, const TrainPageContext& context) {
  const std::filesystem::path output = context.config.output;
  ordered_json data;
  data["title"] = text_of("Training of ", whole_path(output).filename().string());
  if (history.steps.empty()) {
    data["subtitle"] = text_of(output.string(), ": no step is done");
  } else {
    const std::int64_t step = history.steps.back().step;
    data["subtitle"] = text_of(output.string(), ": as it was after step ", step);
    data["tiles"] = tiles_of(history, context.config);
    data["history"] = curves(history);
    if (step < history.total_steps) data["renew"] = kRenewSeconds;
  }
  data["time"] = time_and_memory(history, context.config);
  data["configuration"] = config_rows(context.config);
  ordered_json facts = ordered_json::array();
  facts.push_back({"CRC-32C of the training list", crc_text(context.job.list_crc)});
  add_job_facts(facts, "", context.job);
  for (ordered_json& fact : version_facts(context.versions)) facts.push_back(std::move(fact));
  data["facts"] = std::move(facts);
  return data;
}

TrainPage::TrainPage(TrainPageContext context, std::int64_t steps_per_epoch)
    : context_(std::move(context)), steps_per_epoch_(steps_per_epoch) {}

void TrainPage::step(const pipeline::StepMetrics& metrics) {
  if (metrics.step % steps_per_epoch_ == 0) write();
}

void TrainPage::write() const {
  const std::filesystem::path output = context_.config.output;
  const RunHistory history = read_history(output / "metrics.jsonl");
  try {
    pipeline::write_and_rename(output / "report" / "train.html",
                               fill_page(training_page(history, context_)));
  } catch (const pipeline::Error& error) {
    pipeline::log_warn(text_of("the page stays as it was: ", error.what()));
  }
}

}  // namespace larkspur::launch
