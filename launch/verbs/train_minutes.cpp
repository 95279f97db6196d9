// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/train_minutes.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "launch/run/assemble.h"
#include "launch/verbs/rehearsal.h"
#include "pipeline/all_or_none.h"
#include "pipeline/log.h"
#include "pipeline/placement.h"
#include "pipeline/train/lane_batches.h"

namespace larkspur::launch {
namespace {

using pipeline::text_of;

constexpr double kRehearsedShare = 0.05;
constexpr double kShortest = 1.0;
constexpr double kLongest = 30.0;
constexpr std::int64_t kMostRehearsed = 1000;

/// The mean, not the middle one: what is slow now and then is paid, too. The first steps take
/// memory, and find batches that were read before they began.
double seconds_of_step(const std::vector<pipeline::StepMetrics>& steps, std::int64_t global_batch) {
  const std::size_t skipped = steps.size() / 4;
  double seconds = 0.0;
  for (std::size_t i = skipped; i < steps.size(); ++i) {
    seconds += static_cast<double>(global_batch) / steps[i].samples_per_second;
  }
  return seconds / static_cast<double>(steps.size() - skipped);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::int64_t epochs_that_fit(double seconds_left,
                             double step_seconds,
                             std::int64_t steps_per_epoch) {
  const double epoch_seconds = step_seconds * static_cast<double>(steps_per_epoch);
  const double fit = seconds_left * (1.0 - kReservedShare) / epoch_seconds;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(fit)));
}

std::string doubt_of_warmup(const TrainConfig& train) {
  if (train.warmup_share > 0 || train.warmup_epochs <= static_cast<double>(train.epochs)) return {};
  return text_of("train.warmup_epochs ",
                 train.warmup_epochs,
                 " is above the epochs that fit into train.minutes, ",
                 train.epochs,
                 ": the learning rate would only rise; set train.warmup_share=0.1 in its place");
}

void fit_epochs(PreparedTraining& prepared,
                RankJob& job,
                const pipeline::Requests& requests,
                std::chrono::steady_clock::time_point started) {
  RunConfig& config = prepared.config;
  if (config.train.minutes == 0 || prepared.has_begun) return;
  pipeline::Communicator& communicator = job.communicator();
  const pipeline::StepShape shape =
      pipeline::shape_of(train_options(config), prepared.data.source->size());
  const double minutes = config.train.minutes;
  const RehearsalLimits limits{std::clamp(minutes * 60.0 * kRehearsedShare, kShortest, kLongest),
                               kMostRehearsed,
                               /*beyond_epochs=*/true};
  pipeline::log_info(text_of("train.minutes ",
                             minutes,
                             ": times steps before it begins, for ",
                             limits.seconds,
                             " s at most"));
  std::vector<pipeline::StepMetrics> steps;
  {
    pipeline::TrainState state = train_state(config, *prepared.network, communicator);
    steps = rehearse(prepared, job, state, requests, limits);
  }
  const auto told = pipeline::all_or_none(communicator, [&] {
    if (steps.empty()) return std::string();
    const double seconds = seconds_of_step(steps, config.train.global_batch);
    const double left = minutes * 60.0 - seconds_since(started);
    const std::int64_t epochs = epochs_that_fit(left, seconds, shape.steps_per_epoch());
    const std::string text = text_of("train.minutes ",
                                     minutes,
                                     ": a step takes ",
                                     seconds,
                                     " s, an epoch ",
                                     seconds * static_cast<double>(shape.steps_per_epoch()),
                                     " s: train.epochs=",
                                     epochs);
    const bool is_short = left < seconds * static_cast<double>(shape.steps_per_epoch());
    is_short ? pipeline::log_warn(text + ", longer than that") : pipeline::log_info(text);
    return std::to_string(epochs);
  });
  config.train.epochs = std::stoll(told.front());
  const std::string doubt = doubt_of_warmup(config.train);
  if (job.is_root() && !doubt.empty()) pipeline::log_warn(doubt);
  prepared.network = make_network(config);
  pipeline::place(*prepared.network, prepared.device.place);
  prepared.identity = run_identity(config, prepared.data, prepared.device, communicator.size());
}

}  // namespace larkspur::launch
