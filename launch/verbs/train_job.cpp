// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/train_job.h"

#include <algorithm>

#include "launch/config/config_file.h"
#include "launch/run/assemble.h"
#include "launch/run/resume.h"
#include "launch/run/start_weights.h"
#include "launch/verbs/command_line.h"
#include "pipeline/all_or_none.h"
#include "pipeline/log.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"
#include "pipeline/train/lane_batches.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

PreparedTraining prepare(const LoadedConfig& loaded,
                         bool has_begun,
                         bool is_rehearsal,
                         const distributed::RankEnv& env) {
  check_paths(loaded, {"data.train"});
  const bool scores_eval =
      loaded.config.train.evaluate_every > 0 && loaded.config.eval.on == EvalPart::kEval;
  if (scores_eval) check_paths(loaded, {"data.eval"});
  if (!has_begun) check_weights_paths(loaded);  // a resume does not read them
  PreparedTraining prepared;
  prepared.config = loaded.config;
  prepared.has_begun = has_begun;
  prepared.device = use_device(prepared.config.device, env.local_rank);
  if (env.rank == 0) warn_of_doubts(loaded, prepared.device);
  require(env.size <= prepared.config.train.lanes,
          Errc::kInvalidArgument,
          env.size,
          " ranks, but train.lanes=",
          prepared.config.train.lanes,
          " is the most there can be");
  set_compute_threads(prepared.config.train.threads);
  prepared.data = make_training_data(prepared.config, is_rehearsal);
  if (prepared.config.model.classes == 0) {
    prepared.config.model.classes = static_cast<std::int64_t>(prepared.data.classes.size());
    pipeline::log_info(
        text_of("model.classes: ", prepared.config.model.classes, ", as data.train has them"));
  }
  prepared.evaluation =
      make_train_evaluation(prepared.config, prepared.data.classes, env.rank == 0);
  prepared.network = make_network(prepared.config);
  pipeline::place(*prepared.network, prepared.device.place);
  prepared.identity = run_identity(prepared.config, prepared.data, prepared.device, env.size);
  return prepared;
}

}  // namespace

bool read_train_request(Invocation& call, TrainRequest& request) {
  CommandLine line(
      call,
      "Trains a network; continues from the newest checkpoint of the output folder by itself.\n"
      "'larkspur inspect config' lists every key, its default and what it means.",
      "configs/demo/cloud.yaml train.epochs=3 output=runs/try");
  line.argument("CONFIG", "YAML file", request.file);
  line.rest("OVERRIDES", "key=value, as in train.epochs=3", request.overrides);
  line.flag("--dry-run",
            "write nothing: print configuration, list, memory, run a few steps (for five seconds, "
            "two at least), and say how long the training will take",
            request.dry_run);
  line.flag("--try-rates",
            "write nothing: a hundred steps from the first weights, each at a higher learning rate "
            "than the one before; prints their losses and a rate to begin with",
            request.try_rates);
  if (!line.parse()) return false;
  require(!request.dry_run || !request.try_rates,
          Errc::kInvalidArgument,
          "--dry-run and --try-rates are two calls, not one");
  return true;
}

PreparedTraining prepare_together(RankJob& job,
                                  const TrainRequest& request,
                                  const std::function<void(const RunConfig&)>& open_output) {
  pipeline::Communicator& communicator = job.communicator();
  LoadedConfig loaded;
  const auto begun = pipeline::all_or_none(communicator, [&] {
    loaded = load_config(request.file, request.overrides);
    const auto epochs = job.is_root() ? epochs_begun_with(loaded.config) : std::nullopt;
    return epochs ? std::to_string(*epochs) : std::string();
  });
  const bool has_begun = !begun.front().empty();
  if (has_begun) loaded.config.train.epochs = std::stoll(begun.front());
  PreparedTraining prepared;
  require_same(pipeline::all_or_none(communicator, [&] {
    prepared = prepare(loaded, has_begun, request.writes_nothing(), job.env());
    return text_of(prepared.identity.config, prepared.identity.list_crc);
  }));
  pipeline::all_or_none(communicator, [&] {
    if (job.is_root()) open_output(prepared.config);
    return std::string();
  });
  return prepared;
}

void resume_or_start(const PreparedTraining& prepared,
                     pipeline::TrainState& state,
                     pipeline::Communicator& communicator) {
  const bool resumed = resume_if_possible(prepared.config, prepared.identity, state, communicator);
  if (!resumed)
    start_from_weights(prepared.config, prepared.data.classes, *prepared.network, communicator);
}

std::int64_t total_steps(const pipeline::TrainOptions& options, std::int64_t samples) {
  return std::max<std::int64_t>(
      1, options.epochs * pipeline::shape_of(options, samples).steps_per_epoch());
}

}  // namespace larkspur::launch
