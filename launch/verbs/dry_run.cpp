// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/dry_run.h"

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>

#include <sys/resource.h>
#include <unistd.h>

#include "launch/config/config_schema.h"
#include "launch/run/assemble.h"
#include "launch/run/file_glance.h"
#include "launch/run/signals.h"
#include "launch/supervise/progress_bar.h"
#include "launch/supervise/task_progress.h"
#include "launch/verbs/model_subject.h"
#include "launch/verbs/rehearsal.h"
#include "launch/verbs/train_minutes.h"
#include "pipeline/all_or_none.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/train/lane_batches.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr double kEnoughSeconds = 5.0;
constexpr std::int64_t kMostSteps = 100;
constexpr std::size_t kNamedFaults = 5;
constexpr std::int64_t kFloatBytes = 4;

std::int64_t elements_of(const std::vector<std::int64_t>& sizes) {
  std::int64_t count = sizes.empty() ? 0 : 1;
  for (const std::int64_t size : sizes) count *= size;
  return count;
}

/// Of a value of a batch that waits: pictures and clips as data.pixels says, float32 once mixed.
std::int64_t waiting_bytes(const RunConfig& config) {
  if (config.data.kind == DataKind::kCloud || config.train.mix.is_on()) return kFloatBytes;
  return static_cast<std::int64_t>(c10::elementSize(type_of(config.data.pixels)));
}

/// That a training could make the folder: the nearest part of its path that is there is writable.
void require_writable(const fs::path& output) {
  std::error_code error;
  fs::path there = fs::absolute(output);
  while (!fs::exists(there, error) && there.has_parent_path() && there != there.parent_path()) {
    there = there.parent_path();
  }
  require(fs::is_directory(there, error) && ::access(there.c_str(), W_OK) == 0,
          Errc::kIo,
          "output: ",
          output.string(),
          " cannot be made: ",
          there.string(),
          fs::is_directory(there, error) ? " cannot be written to" : " is no folder");
}

/// Begins a line: what stands in it, then room up to the facts.
std::ostream& fact(std::ostream& out, const char* name) {
  return out << std::left << std::setw(15) << name << std::right;
}

void print_configuration(std::ostream& out, const TrainRequest& request, const RunConfig& config) {
  fact(out, "configuration") << request.file << ", different from the defaults:\n";
  const RunConfig defaults;
  for (const ConfigKey& key : config_keys()) {
    const std::string value = text_of_value(key.get(config));
    if (value != text_of_value(key.get(defaults))) {
      fact(out, "") << key.path << ": " << value << "\n";
    }
  }
}

/// Faults of one side as all ranks found them, each in its part of the list.
std::vector<std::string> all_faults(const RunConfig& config,
                                    const SideConfig& side,
                                    pipeline::Communicator& communicator) {
  TaskProgress progress(std::cerr, {"looked at", "files", audience_of_stderr(communicator.size())});
  const auto told = pipeline::all_or_none(communicator, [&] {
    std::string mine;
    const ListPart share{communicator.rank(), communicator.size()};
    const auto at = [&](std::int64_t done, std::int64_t total) {
      if (communicator.rank() == 0) progress.at(done, total);
    };
    for (const std::string& fault : faults_at_a_glance(config.data, side, share, at)) {
      mine += fault + "\n";
    }
    return mine;
  });
  std::vector<std::string> faults;
  for (const std::string& lines : told) {
    std::istringstream text(lines);
    for (std::string line; std::getline(text, line);) faults.push_back(line);
  }
  return faults;
}

void print_side(std::ostream& out,
                const char* name,
                const Dataset& data,
                const std::vector<std::string>& faults) {
  fact(out, name) << data.source->size() << " samples, " << data.classes.size() << " classes, "
                  << faults.size()
                  << " missing, empty or of another kind at a glance ('data check' "
                  << "decodes)\n";
  for (std::size_t i = 0; i < std::min(faults.size(), kNamedFaults); ++i) {
    fact(out, "") << faults[i] << "\n";
  }
  if (faults.size() > kNamedFaults) fact(out, "") << "...\n";
}

/// The evaluation's list, which a training does not need: its faults are warnings.
void look_at_evaluation(std::ostream& out,
                        const PreparedTraining& prepared,
                        pipeline::Communicator& communicator) {
  const SideConfig& side = evaluated_side(prepared.config);
  if (side.list.empty() && side.root.empty()) return;
  try {
    Dataset data;
    pipeline::all_or_none(communicator, [&] {
      data = make_evaluation_data(prepared.config, prepared.data.classes);
      return std::string();
    });
    const auto faults = all_faults(prepared.config, side, communicator);
    if (communicator.rank() == 0) print_side(out, "evaluation", data, faults);
  } catch (const pipeline::Error& error) {
    if (error.code() == Errc::kCollective) throw;
    if (communicator.rank() == 0) pipeline::log_warn(text_of("evaluation: ", error.what()));
  }
}

/// Whether a training would first find out how many epochs there are.
bool is_open(const PreparedTraining& prepared) {
  return prepared.config.train.minutes > 0 && !prepared.has_begun;
}

/// What a step's batch counts.
std::string views_text(const pipeline::StepShape& shape) {
  if (shape.repeats == 1) return " samples";
  return text_of(" views, ", shape.repeats, " of each of ", shape.step_samples(), " samples,");
}

void print_plan(std::ostream& out,
                const PreparedTraining& prepared,
                const pipeline::TrainState& state,
                std::int64_t samples,
                int ranks) {
  const RunConfig& config = prepared.config;
  const pipeline::StepShape shape = pipeline::shape_of(train_options(config), samples);
  fact(out, "steps");
  if (is_open(prepared)) {
    out << "as many as fit into " << text_of(config.train.minutes) << " minutes: epochs";
  } else {
    out << total_steps(train_options(config), samples) << ": " << config.train.epochs << " epochs";
  }
  out << " of " << shape.steps_per_epoch() << ", each of " << config.train.global_batch
      << views_text(shape) << " in " << config.train.lanes << " lanes on " << ranks
      << (ranks == 1 ? " rank" : " ranks") << "; " << state.step << " done\n";
}

void print_estimate(std::ostream& out, const MemoryEstimate& need, std::int64_t parameters) {
  fact(out, "network") << parameters << " parameters\n";
  fact(out, "memory") << bytes_text(need.total())
                      << " a rank by count, beside the program: weights "
                      << bytes_text(need.weights) << ", gradients " << bytes_text(need.weights)
                      << ", their exchange " << bytes_text(need.exchange) << ", optimiser "
                      << bytes_text(need.optimiser) << ", kept for backward "
                      << bytes_text(need.kept) << ", batches read ahead "
                      << bytes_text(need.read_ahead) << std::endl;
}

void print_measured(std::ostream& out,
                    const StepForecast& take,
                    const std::vector<pipeline::StepMetrics>& steps) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fact(out, "measured") << bytes_text(usage.ru_maxrss * std::int64_t{1024})
                        << " of host memory at most on rank 0, the program included\n";
  fact(out, "a step") << std::fixed << std::setprecision(3) << take.seconds << " s, "
                      << take.wait_seconds << " s of it waiting for data (" << steps.size()
                      << " run, the first " << take.first_seconds << " s); loss "
                      << std::setprecision(4) << steps.front().loss << "\n";
}

/// `steps_left` of a run that knows its end: not where it is open.
void print_end(std::ostream& out,
               const RunConfig& config,
               double step_seconds,
               std::optional<std::int64_t> steps_left,
               std::int64_t steps_per_epoch) {
  fact(out, "to the end");
  if (!steps_left) {
    const double seconds = config.train.minutes * 60.0;
    out << epochs_that_fit(seconds, step_seconds, steps_per_epoch) << " epochs fit into "
        << text_of(config.train.minutes) << " minutes\n";
    return;
  }
  out << duration_text(step_seconds * static_cast<double>(*steps_left)) << " for " << *steps_left
      << " steps, without checkpoints and evaluations\n";
}

}  // namespace

MemoryEstimate memory_estimate(const RunConfig& config, std::int64_t parameters, int ranks) {
  const std::int64_t lanes = (config.train.lanes + ranks - 1) / ranks;
  const std::int64_t lane_batch = config.train.global_batch / config.train.lanes;
  const model3d::SampleSizes sizes = sizes_of(subject_of(config));
  const auto summary = model3d::summarise(subject_of(config).options, sizes);
  const bool all_at_once = config.train.batch_norm == pipeline::NormScope::kSynchronised;
  MemoryEstimate need;
  need.weights = kFloatBytes * parameters;
  // As TreeExchange says of itself: sums on the way, what goes out, what comes in.
  const std::int64_t sums =
      lanes <= 2 ? lanes - 1 : std::bit_width(static_cast<std::uint64_t>(lanes));
  need.exchange = (sums + 2) * need.weights;
  need.optimiser = (config.train.average_decay > 0 ? 3 : 2) * need.weights / ranks;
  need.kept = summary.kept_bytes() * lane_batch * (all_at_once ? lanes : 1);
  const std::int64_t waiting = 2 * lanes + config.data.workers;  // batches, of a lane each
  need.read_ahead = waiting * lane_batch * waiting_bytes(config) *
                    (elements_of(sizes.input) + elements_of(sizes.second_input));
  return need;
}

StepForecast forecast(const std::vector<pipeline::StepMetrics>& steps, std::int64_t global_batch) {
  const auto seconds_of = [&](const pipeline::StepMetrics& step) {
    return static_cast<double>(global_batch) / step.samples_per_second;
  };
  std::vector<pipeline::StepMetrics> rest(steps.begin() + (steps.size() > 1 ? 1 : 0), steps.end());
  const auto middle = rest.begin() + std::ssize(rest) / 2;
  std::nth_element(rest.begin(), middle, rest.end(), [&](const auto& a, const auto& b) {
    return seconds_of(a) < seconds_of(b);
  });
  return {seconds_of(steps.front()), seconds_of(*middle), middle->data_wait_seconds};
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  std::ostringstream text;
  text << std::fixed << std::setprecision(unit == 0 ? 0 : 1) << value << " " << kUnits[unit];
  return text.str();
}

void run_dry(Invocation& call, const TrainRequest& request) {
  pipeline::Requests requests;
  RankJob job;
  const SignalRequests signals(requests, job.communicator().size());
  pipeline::Communicator& communicator = job.communicator();
  call.is_root = job.is_root();
  const PreparedTraining prepared = prepare_together(
      job, request, [](const RunConfig& config) { require_writable(config.output); });
  const RunConfig& config = prepared.config;
  const std::int64_t samples = prepared.data.source->size();
  if (job.is_root()) print_configuration(call.out, request, config);
  const auto faults = all_faults(config, config.data.train, communicator);
  if (job.is_root()) print_side(call.out, "training", prepared.data, faults);
  look_at_evaluation(call.out, prepared, communicator);

  pipeline::TrainState state = train_state(config, *prepared.network, communicator);
  call.phase = Phase::kCheckpoint;
  resume_or_start(prepared, state, communicator);
  call.phase = Phase::kRun;
  std::optional<std::int64_t> steps_left;
  if (!is_open(prepared)) {
    steps_left = total_steps(train_options(config), samples) - state.step;
  }
  if (job.is_root()) {
    std::int64_t parameters = 0;
    for (const auto& parameter : prepared.network->parameters()) {
      parameters += parameter.tensor.numel();
    }
    print_plan(call.out, prepared, state, samples, communicator.size());
    print_estimate(call.out, memory_estimate(config, parameters, communicator.size()), parameters);
  }
  const auto steps = rehearse(prepared, job, state, requests, {kEnoughSeconds, kMostSteps});
  if (!steps.empty()) {
    const StepForecast take = forecast(steps, config.train.global_batch);
    const pipeline::StepShape shape = pipeline::shape_of(train_options(config), samples);
    print_measured(call.out, take, steps);
    print_end(call.out, config, take.seconds, steps_left, shape.steps_per_epoch());
  }
  repeat_refusal(prepared.device);
}

}  // namespace larkspur::launch
