// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
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
#include "launch/verbs/rate_range.h"
#include "launch/verbs/train_job.h"
#include "launch/verbs/train_minutes.h"
#include "launch/verbs/version.h"
#include "pipeline/all_or_none.h"
#include "pipeline/bad_sample_json.h"
#include "pipeline/checkpoint/checkpoint_saver.h"
#include "pipeline/checkpoint/checkpoint_writer.h"
#include "pipeline/log.h"
#include "pipeline/operation_ring.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"
#include "pipeline/train/lane_batches.h"
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

/// Of checkpoints that a person has removed, to go on from an earlier one.
void forget_later_scores(const RunConfig& config, std::int64_t step) {
  try {
    pipeline::forget_scores_after(checkpoints_folder(config), step);
  } catch (const pipeline::Error& error) {
    pipeline::log_warn(text_of("scores stay as they are: ", error.what()));
  }
}

/// Borrows the state.
pipeline::CheckpointSaver::TakeSnapshot snapshots_of(const pipeline::TrainState& state) {
  return [&state](pipeline::StateSnapshot before) {
    return pipeline::take_snapshot(state, std::move(before));
  };
}

/// What train.evaluate_every asks for; borrows all of them. Empty where it asks for nothing.
pipeline::EpochEvaluation epoch_evaluation(const PreparedTraining& prepared,
                                           const pipeline::TrainState& state,
                                           pipeline::Communicator& communicator,
                                           pipeline::PhaseBoard& board,
                                           pipeline::MetricSink& metrics) {
  if (!prepared.evaluation) return {};
  const auto is_due = [&](std::int64_t epoch) {
    return prepared.evaluation->is_due(epoch, prepared.config.train.epochs);
  };
  const auto run = [&](std::int64_t epoch) {
    pipeline::PhasedCommunicator phased(communicator, &board);
    const auto found = prepared.evaluation->evaluate(*prepared.network, state.step, epoch, phased);
    if (communicator.rank() != 0) return;
    metrics.evaluation(found);
    if (!std::isfinite(found.score())) return;  // no class of the list has a sample
    pipeline::record_score(checkpoint_options(prepared.config),
                           {found.step, found.score(), prepared.evaluation->way(), found.held_out});
  };
  return {is_due, run};
}

/// Of the state that the run goes on from, where one was due and what ended the run came before its
/// score. A collective call.
void evaluate_what_was_missed(const PreparedTraining& prepared,
                              const pipeline::EpochEvaluation& evaluation,
                              std::int64_t step,
                              pipeline::Communicator& communicator,
                              pipeline::PhaseBoard& board) {
  const pipeline::StepShape shape =
      pipeline::shape_of(train_options(prepared.config), prepared.data.source->size());
  if (!evaluation.is_due || step == 0 || step % shape.steps_per_epoch() != 0) return;
  const std::int64_t epoch = shape.epoch_of(step - 1);
  if (!evaluation.is_due(epoch)) return;
  const auto is_missed = [&] {
    const auto scores = pipeline::readable_scores(checkpoints_folder(prepared.config));
    return !pipeline::score_of(scores, step, prepared.evaluation->way());
  };
  const std::string mine = communicator.rank() == 0 && is_missed() ? "missed" : "";
  if (communicator.all_gather(mine).front().empty()) return;
  const pipeline::PhaseScope phase(&board, pipeline::RunPhase::kEpochEnd);
  evaluation.run(epoch);
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
  if (communicator.size() > 1) pipeline::log_info(exchange.text());
  const pipeline::TrainOptions options = train_options(config);
  pipeline::FanOutSink none;
  std::optional<RunSinks> sinks;
  if (job.is_root()) {
    forget_later_scores(config, state.step);
    sinks.emplace(
        config, state.step, total_steps(options, prepared.data.source->size()), prepared.identity);
  }
  pipeline::MetricSink& metrics = sinks ? static_cast<pipeline::MetricSink&>(*sinks) : none;
  const auto report = [&] { report_on_all(communicator, config, state); };
  pipeline::CheckpointSaver saver(
      checkpoint_options(config), prepared.identity, snapshots_of(state), communicator);
  pipeline::TrainParts parts{{*prepared.network, state, exchange, communicator},
                             *prepared.data.source,
                             metrics,
                             requests,
                             &saver,
                             report};
  parts.board = &board;
  parts.evaluation = epoch_evaluation(prepared, state, communicator, board, metrics);
  evaluate_what_was_missed(prepared, parts.evaluation, state.step, communicator, board);
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
  if (request.try_rates) return run_rate_range(call, request);
  if (run_training(call, request) == pipeline::TrainEnd::kStopRequested) {
    throw pipeline::Error(Errc::kCancelled, "stopped on request, checkpoint written");
  }
}

}  // namespace larkspur::launch
