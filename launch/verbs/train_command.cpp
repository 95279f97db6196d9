// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "distributed/transport/rank_env.h"
#include "distributed/tree_exchange.h"
#include "distributed/watchdog/beat_star.h"
#include "launch/config/config_schema.h"
#include "launch/report/tensorboard_file.h"
#include "launch/report/train_page.h"
#include "launch/run/assemble.h"
#include "launch/run/last_words.h"
#include "launch/run/output_lock.h"
#include "launch/run/resume.h"
#include "launch/run/signals.h"
#include "launch/supervise/progress_bar.h"
#include "launch/supervise/task_progress.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/dry_run.h"
#include "launch/verbs/train_job.h"
#include "launch/verbs/train_minutes.h"
#include "launch/verbs/version.h"
#include "pipeline/all_or_none.h"
#include "pipeline/bad_sample_json.h"
#include "pipeline/checkpoint/checkpoint_saver.h"
#include "pipeline/log.h"
#include "pipeline/operation_ring.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"
#include "pipeline/train/phased_communicator.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

std::string metrics_header(const RunConfig& config,
                           std::int64_t step,
                           std::int64_t total_steps,
                           int ranks) {
  const ordered_json header = {{"schema", 1},
                               {"first_step", step + 1},
                               {"total_steps", total_steps},
                               {"ranks", ranks},
                               {"config", write_config(config)}};
  return header.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// Rank 0's sinks: the metrics file always, a bar or plain lines for people.
class RunSinks : public pipeline::FanOutSink {
 public:
  RunSinks(const RunConfig& config,
           std::int64_t step,
           std::int64_t total_steps,
           const pipeline::RunIdentity& job) {
    const fs::path output = config.output;
    RunConfig again = config;  // another training from it shall have these epochs, too
    again.train.minutes = 0;
    pipeline::write_and_rename(output / "config.yaml", write_config(again));
    add(std::make_unique<pipeline::JsonLinesSink>(
        output / "metrics.jsonl", metrics_header(config, step, total_steps, job.ranks)));
    add(std::make_unique<TrainPage>(TrainPageContext{config, job, version_text()},
                                    std::max<std::int64_t>(1, total_steps / config.train.epochs)));
    if (config.train.tensorboard) {
      add(std::make_unique<TensorboardSink>(output / "tensorboard", step + 1));
    }
    const char* progress = std::getenv("LARKSPUR_PROGRESS");
    if (progress != nullptr && std::string(progress) == "launch") return;  // it draws from the file
    ProgressOptions options;
    options.total_steps = total_steps;
    options.audience = audience_of_stderr(job.ranks);
    auto bar = std::make_unique<ProgressBar>(std::cerr, options);
    if (step < total_steps) bar->wait_for_first(step);
    add(std::move(bar));
  }
};

void write_report(const RunConfig& config, const pipeline::TrainState& state) {
  const fs::path folder = fs::path(config.output) / "report";
  const ordered_json report = {{"steps", state.step},
                               {"unreadable", state.bad.size()},
                               {"unreadable_files", to_json(state.bad)}};
  pipeline::write_and_rename(folder / "train.json", report.dump(2) + "\n");
}

/// Rank 0 writes it; a collective call.
void report_on_all(pipeline::Communicator& communicator,
                   const RunConfig& config,
                   const pipeline::TrainState& state) {
  pipeline::all_or_none(communicator, [&] {
    if (communicator.rank() == 0) write_report(config, state);
    return std::string();
  });
}

/// Makes the folders a run writes to and returns the output folder.
fs::path make_output_folder(const RunConfig& config) {
  const fs::path output = config.output;
  for (const fs::path& folder : {checkpoints_folder(config), output / "report"}) {
    std::error_code error;
    fs::create_directories(folder, error);
    pipeline::require(
        !error, Errc::kIo, "output: cannot make ", folder.string(), ": ", error.message());
  }
  pipeline::sync_folder(output);
  return output;
}

/// The record of the start before stays beside that of this one.
void turn_operations(const fs::path& output) {
  const fs::path folder = pipeline::operations_folder(output);
  std::error_code error;
  fs::remove_all(pipeline::previous_operations_folder(output), error);
  fs::rename(folder, pipeline::previous_operations_folder(output), error);
  fs::create_directory(folder, error);
  require(!error, Errc::kIo, "output: cannot make ", folder.string(), ": ", error.message());
}

void say_end(const PreparedTraining& prepared, const pipeline::TrainState& state) {
  pipeline::log_info(text_of("step ",
                             state.step,
                             ", ",
                             state.bad.size(),
                             " unreadable samples, everything in ",
                             prepared.config.output));
  repeat_refusal(prepared.device);
}

pipeline::CheckpointOptions checkpoint_options(const RunConfig& config) {
  constexpr double kDeadlinesOfASave = 10.0;
  return {checkpoints_folder(config),
          static_cast<int>(config.train.keep),
          config.train.keep_every,
          kDeadlinesOfASave * config.train.deadline_seconds};
}

/// Whoever is silent, or keeps the others waiting, ends the run by name.
std::unique_ptr<distributed::BeatStar> watch_ranks(RankJob& job,
                                                   double deadline_seconds,
                                                   const pipeline::PhaseBoard& board) {
  job.set_deadline(deadline_seconds + kVerdictComesFirst);
  return std::make_unique<distributed::BeatStar>(
      job.communicator(),
      board,
      distributed::StarOptions{deadline_seconds, std::min(1.0, deadline_seconds / 4), end_process});
}

/// What `inspect run` shows, also of a rank that was killed. No reason not to train where the disk
/// does not let it be.
void record_operations(RankJob& job, const fs::path& output, pipeline::PhaseBoard& board) {
  try {
    const auto ring = std::make_shared<pipeline::OperationRing>(
        pipeline::operations_file(pipeline::operations_folder(output), job.env().rank),
        job.env().rank,
        job.env().size);
    board.record_in(ring);
    job.record_in(ring);
  } catch (const pipeline::Error& error) {
    pipeline::log_warn(text_of("goes on without a record for 'inspect run': ", error.what()));
  }
}

/// What train.evaluate_every asks for at an epoch's end; borrows all of them.
std::function<bool(std::int64_t)> evaluation_hook(const PreparedTraining& prepared,
                                                  pipeline::TrainState& state,
                                                  pipeline::Communicator& communicator,
                                                  pipeline::PhaseBoard& board,
                                                  pipeline::MetricSink& metrics) {
  if (!prepared.evaluation) return {};
  return [&](std::int64_t epoch) {
    if (!prepared.evaluation->is_due(epoch, prepared.config.train.epochs)) return false;
    pipeline::PhasedCommunicator phased(communicator, &board);
    const auto found = prepared.evaluation->evaluate(*prepared.network, state.step, epoch, phased);
    if (found.held_out) state.held_out = {found.step, found.score()};
    if (communicator.rank() == 0) metrics.evaluation(found);
    return found.held_out;
  };
}

/// Trains to the end or to a stop; the job is left in good order either way.
pipeline::TrainEnd run_training(Invocation& call, const TrainRequest& request) {
  const auto started = std::chrono::steady_clock::now();
  // A rank listens before it joins the others: a stop asked for while it starts must not kill it.
  pipeline::Requests requests;
  std::optional<SignalRequests> signals;
  const int ranks = distributed::read_rank_env().size;
  if (ranks > 1) signals.emplace(requests, ranks);
  RankJob job;
  pipeline::Communicator& communicator = job.communicator();
  call.is_root = job.is_root();
  std::optional<OutputLock> lock;
  PreparedTraining prepared = prepare_together(job, request, [&](const RunConfig& config) {
    lock.emplace(make_output_folder(config));
    turn_operations(config.output);
  });
  const RunConfig& config = prepared.config;
  if (!signals) signals.emplace(requests, communicator.size());
  fit_epochs(prepared, job, requests, started);
  const pipeline::SampleSource& source = *prepared.data.source;
  pipeline::TrainState state = train_state(config, *prepared.network, communicator);
  call.phase = Phase::kCheckpoint;
  resume_or_start(prepared, state, communicator);

  call.phase = Phase::kRun;
  pipeline::PhaseBoard board;
  record_operations(job, fs::path(config.output), board);
  const auto star = watch_ranks(job, config.train.deadline_seconds, board);
  distributed::TreeExchange exchange(
      job.tensor_group(prepared.device),
      state.parameters,
      pipeline::lanes_of_rank(communicator.rank(), communicator.size(), config.train.lanes));
  const pipeline::TrainOptions options = train_options(config);
  pipeline::FanOutSink none;
  std::optional<RunSinks> sinks;
  if (job.is_root()) {
    sinks.emplace(config, state.step, total_steps(options, source.size()), prepared.identity);
  }
  pipeline::MetricSink& metrics = sinks ? static_cast<pipeline::MetricSink&>(*sinks) : none;
  const auto report = [&] { report_on_all(communicator, config, state); };
  pipeline::CheckpointSaver saver(
      checkpoint_options(config),
      prepared.identity,
      [&](pipeline::StateSnapshot before) {
        return pipeline::take_snapshot(state, std::move(before));
      },
      communicator);
  pipeline::TrainParts parts{{*prepared.network, state, exchange, communicator},
                             source,
                             metrics,
                             requests,
                             &saver,
                             report};
  parts.board = &board;
  parts.at_epoch_end = evaluation_hook(prepared, state, communicator, board, metrics);
  const pipeline::TrainEnd end = pipeline::train(options, parts);
  report();
  board.enter(pipeline::RunPhase::kEnd);
  say_end(prepared, state);
  return end;
}

}  // namespace

void run_train(Invocation& call) {
  TrainRequest request;
  if (!read_train_request(call, request)) return;
  if (request.dry_run) return run_dry(call, request);
  if (run_training(call, request) == pipeline::TrainEnd::kStopRequested) {
    throw pipeline::Error(Errc::kCancelled, "stopped on request, checkpoint written");
  }
}

}  // namespace larkspur::launch
