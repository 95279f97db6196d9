// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

#include <nlohmann/json.hpp>

#include "distributed/transport/rank_env.h"
#include "distributed/tree_exchange.h"
#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "launch/report/train_page.h"
#include "launch/run/assemble.h"
#include "launch/run/output_lock.h"
#include "launch/run/rank_job.h"
#include "launch/run/resume.h"
#include "launch/run/signals.h"
#include "launch/run/start_weights.h"
#include "launch/supervise/progress_bar.h"
#include "launch/supervise/task_progress.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/version.h"
#include "pipeline/all_or_none.h"
#include "pipeline/bad_sample_json.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/log.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

/// What every rank must have before the first collective step of the run itself.
struct Prepared {
  RunConfig config;
  Device device;
  Dataset data;
  std::unique_ptr<model3d::Network> network;
  pipeline::RunIdentity identity;
};

Prepared prepare(const std::string& file,
                 const std::vector<std::string>& overrides,
                 const distributed::RankEnv& env) {
  const LoadedConfig loaded = load_config(file, overrides);
  check_paths(loaded, {"data.train"});
  if (!has_checkpoint(loaded.config)) check_weights_paths(loaded);  // a resume does not read them
  Prepared prepared;
  prepared.config = loaded.config;
  prepared.device = use_device(prepared.config.device, env.local_rank);
  if (env.rank == 0) warn_of_doubts(loaded, prepared.device);
  pipeline::require(env.size <= prepared.config.train.lanes,
                    Errc::kInvalidArgument,
                    env.size,
                    " ranks, but train.lanes=",
                    prepared.config.train.lanes,
                    " is the most there can be");
  set_compute_threads(prepared.config.train.threads);
  prepared.data = make_training_data(prepared.config);
  if (prepared.config.model.classes == 0) {
    prepared.config.model.classes = static_cast<std::int64_t>(prepared.data.classes.size());
    pipeline::log_info(
        text_of("model.classes: ", prepared.config.model.classes, ", as data.train has them"));
  }
  prepared.network = make_network(prepared.config);
  pipeline::place(*prepared.network, prepared.device.place);
  prepared.identity = run_identity(prepared.config, prepared.data, prepared.device, env.size);
  return prepared;
}

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

/// Of the whole run, those before a resume too; at least 1.
std::int64_t total_steps(const pipeline::TrainOptions& options, std::int64_t samples) {
  const pipeline::StepShape shape{samples, options.global_batch, options.lanes};
  return std::max<std::int64_t>(1, options.epochs * shape.steps_per_epoch());
}

/// Rank 0's sinks: the metrics file always, a bar or plain lines for people.
class RunSinks : public pipeline::FanOutSink {
 public:
  RunSinks(const RunConfig& config,
           std::int64_t step,
           std::int64_t total_steps,
           const pipeline::RunIdentity& job) {
    const fs::path output = config.output;
    pipeline::write_and_rename(output / "config.yaml", write_config(config));
    add(std::make_unique<pipeline::JsonLinesSink>(
        output / "metrics.jsonl", metrics_header(config, step, total_steps, job.ranks)));
    add(std::make_unique<TrainPage>(TrainPageContext{config, job, version_text()},
                                    std::max<std::int64_t>(1, total_steps / config.train.epochs)));
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

/// Every rank ready, on the same configuration and list, and the output folder ours (`lock`, rank
/// 0).
Prepared prepare_together(RankJob& job,
                          const std::string& file,
                          const std::vector<std::string>& overrides,
                          std::optional<OutputLock>& lock) {
  pipeline::Communicator& communicator = job.communicator();
  Prepared prepared;
  require_same(pipeline::all_or_none(communicator, [&] {
    prepared = prepare(file, overrides, job.env());
    return text_of(prepared.identity.config, prepared.identity.list_crc);
  }));
  pipeline::all_or_none(communicator, [&] {
    if (job.is_root()) lock.emplace(make_output_folder(prepared.config));
    return std::string();
  });
  return prepared;
}

void resume_or_start(const Prepared& prepared,
                     pipeline::TrainState& state,
                     pipeline::Communicator& communicator) {
  const bool resumed = resume_if_possible(prepared.config, prepared.identity, state, communicator);
  if (!resumed)
    start_from_weights(prepared.config, prepared.data.classes, *prepared.network, communicator);
}

void say_end(const Prepared& prepared, const pipeline::TrainState& state) {
  pipeline::log_info(text_of("step ",
                             state.step,
                             ", ",
                             state.bad.size(),
                             " unreadable samples, everything in ",
                             prepared.config.output));
  repeat_refusal(prepared.device);
}

/// Trains to the end or to a stop; the job is left in good order either way.
pipeline::TrainEnd run_training(Invocation& call,
                                const std::string& file,
                                const std::vector<std::string>& overrides) {
  // A rank listens before it joins the others: a stop asked for while it starts must not kill it.
  pipeline::Requests requests;
  std::optional<SignalRequests> signals;
  const int ranks = distributed::read_rank_env().size;
  if (ranks > 1) signals.emplace(requests, ranks);
  RankJob job;
  pipeline::Communicator& communicator = job.communicator();
  call.is_root = job.is_root();
  std::optional<OutputLock> lock;
  const Prepared prepared = prepare_together(job, file, overrides, lock);
  const RunConfig& config = prepared.config;
  const pipeline::SampleSource& source = *prepared.data.source;
  pipeline::TrainState state(*prepared.network,
                             config.train.bucket_elements,
                             communicator.rank(),
                             communicator.size(),
                             adamw_options(config));
  call.phase = Phase::kCheckpoint;
  resume_or_start(prepared, state, communicator);

  call.phase = Phase::kRun;
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
  if (!signals) signals.emplace(requests, communicator.size());
  pipeline::MetricSink& metrics = sinks ? static_cast<pipeline::MetricSink&>(*sinks) : none;
  const auto report = [&] {
    pipeline::all_or_none(communicator, [&] {
      if (job.is_root()) write_report(config, state);
      return std::string();
    });
  };
  const auto save = [&] {
    const int keep = static_cast<int>(config.train.keep);
    const auto folder = pipeline::save_checkpoint(
        {checkpoints_folder(config), keep}, state, prepared.identity, communicator);
    pipeline::log_debug(text_of("saved ", folder.string()));
    report();
  };
  pipeline::TrainParts parts{
      {*prepared.network, state, exchange, communicator}, source, metrics, requests, save, report};
  const pipeline::TrainEnd end = pipeline::train(options, parts);
  say_end(prepared, state);
  return end;
}

}  // namespace

void run_train(Invocation& call) {
  std::string file;
  std::vector<std::string> overrides;
  CommandLine line(
      call,
      "Trains a network; continues from the newest checkpoint of the output folder by itself.\n"
      "'larkspur inspect config' lists every key, its default and what it means.",
      "configs/demo/cloud.yaml train.epochs=3 output=runs/try");
  line.argument("CONFIG", "YAML file", file);
  line.rest("OVERRIDES", "key=value, as in train.epochs=3", overrides);
  if (!line.parse()) return;
  if (run_training(call, file, overrides) == pipeline::TrainEnd::kStopRequested) {
    throw pipeline::Error(Errc::kCancelled, "stopped on request, checkpoint written");
  }
}

}  // namespace larkspur::launch
