// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <ostream>

#include "launch/config/config_schema.h"
#include "launch/report/eval_page.h"
#include "launch/report/eval_report.h"
#include "launch/report/page_parts.h"
#include "launch/report/score_file.h"
#include "launch/run/assemble.h"
#include "launch/run/rank_job.h"
#include "launch/run/resume.h"
#include "launch/run/saved_config.h"
#include "launch/run/start_weights.h"
#include "launch/run/view_listing.h"
#include "launch/supervise/task_progress.h"
#include "launch/verbs/averaged_flag.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/eval_request.h"
#include "launch/verbs/version.h"
#include "pipeline/all_or_none.h"
#include "pipeline/bad_samples.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/log.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

/// What is to be evaluated, and how.
struct Job {
  RunConfig config;
  RunConfig saved;  ///< the checkpoint's own; of weights from elsewhere `config`
  Device device;
  std::optional<pipeline::Checkpoint> checkpoint;  ///< none: weights from elsewhere
  std::vector<std::string> classes;                ///< what each row of the head means
  bool averaged = false;                           ///< the checkpoint's averaged weights

  std::string weights() const {
    return checkpoint ? checkpoint->folder().string() : config.model.weights;
  }
};

EvalContext context_of(const Job& job, const Dataset& data) {
  EvalContext context;
  context.protocol = job.config.eval.protocol;
  context.views = eval_options(job.config).views;
  context.checkpoint = job.weights();
  context.averaged = job.averaged;
  context.held_out = job.config.eval.on == EvalPart::kHoldout;
  context.step = job.checkpoint ? job.checkpoint->manifest().step : 0;
  context.classes = data.classes;
  for (std::int64_t id = 0; id < data.source->size(); ++id) {
    context.names.push_back(data.source->name(id));
    context.labels.push_back(data.source->labels(id));
  }
  context.list_crc = list_crc(*data.source);
  context.labelling = data.source->label(0) == pipeline::kNoLabel ? Labelling::kNone
                      : job.config.data.several_labels            ? Labelling::kSeveral
                                                                  : Labelling::kOne;
  return context;
}

void print_scores(std::ostream& out,
                  const pipeline::Evaluation& evaluation,
                  const EvalContext& context,
                  const fs::path& folder) {
  out << scores_line(evaluation, context) << "  protocol " << context.protocol << "  views "
      << context.views << "  report " << folder.string() << std::endl;
}

void check_evaluated_paths(const LoadedConfig& loaded) {
  check_paths(loaded, {loaded.config.eval.on == EvalPart::kHoldout ? "data.train" : "data.eval"});
}

/// With weights that no run of ours has trained: the configuration says what they are of.
Job prepare_weights(const EvalRequest& request, RankJob& ranks) {
  Job job;
  pipeline::all_or_none(ranks.communicator(), [&] {
    EvalRequest whole = request;
    whole.overrides.push_back("model.weights=" + request.weights);
    const LoadedConfig loaded = config_of_file(whole);
    check_evaluated_paths(loaded);
    check_weights_paths(loaded);
    job.config = loaded.config;
    job.classes = classes_of_evaluation(job.config);
    job.config.model.classes = std::ssize(job.classes);
    job.device = use_device(job.config.device, ranks.env().local_rank);
    return std::string();
  });
  job.saved = job.config;
  set_compute_threads(job.config.train.threads);
  return job;
}

Job prepare(Invocation& call, const EvalRequest& request, RankJob& ranks) {
  if (!request.weights.empty()) return prepare_weights(request, ranks);
  pipeline::Communicator& communicator = ranks.communicator();
  LoadedConfig loaded;
  if (request.has_config()) {
    pipeline::all_or_none(communicator, [&] {
      loaded = config_of_file(request);
      check_evaluated_paths(loaded);
      return std::string();
    });
  }
  call.phase = Phase::kCheckpoint;
  const std::string where =
      request.checkpoint.empty() ? checkpoints_folder(loaded.config).string() : request.checkpoint;
  pipeline::Checkpoint checkpoint = pipeline::find_checkpoint(where, communicator);
  const RunConfig saved = config_of(checkpoint);
  call.phase = Phase::kStart;
  Device device;
  pipeline::all_or_none(communicator, [&] {
    if (!request.has_config()) {
      loaded = config_of_run(request, checkpoint);
      check_evaluated_paths(loaded);
    }
    device = use_device(loaded.config.device, ranks.env().local_rank);
    return std::string();
  });
  if (loaded.config.model.classes == 0) loaded.config.model.classes = saved.model.classes;
  set_compute_threads(loaded.config.train.threads);
  std::vector<std::string> classes = checkpoint.manifest().run.classes;
  return {
      loaded.config, saved, device, std::move(checkpoint), std::move(classes), request.averaged};
}

/// As evaluation wants it: merged, on the device.
std::unique_ptr<model3d::Network> evaluated_network(const Job& job,
                                                    pipeline::Communicator& communicator) {
  if (job.checkpoint) {
    compare_for_evaluation(job.saved, job.config, job.weights());
    return make_evaluated_network(
        *job.checkpoint, weight_set(job.averaged), job.config, job.device, communicator);
  }
  auto network = make_network(job.config);
  score_weights(job.config, job.classes, *network, communicator);
  network->merge();
  pipeline::place(*network, job.device.place);
  return network;
}

/// RUN/report for RUN/checkpoints/step-..., where no configuration says another output.
fs::path report_folder(const EvalRequest& request, const Job& job) {
  if (!request.report.empty()) return request.report;
  if (request.has_config()) return fs::path(job.config.output) / "report";
  const fs::path home = whole_path(job.weights()).parent_path();
  return (home.filename() == "checkpoints" ? home.parent_path() : home) / "report";
}

void warn_of_doubtful_views(const RunConfig& config) {
  const pipeline::Protocol& protocol = pipeline::find_protocol(config.eval.protocol);
  const std::int64_t crop = eval_clip_options(config).eval_views.crop;
  if (config.data.kind != DataKind::kCloud && crop != config.data.clip.size) {
    pipeline::log_info(pipeline::text_of("protocol ",
                                         protocol.name,
                                         " looks at ",
                                         crop,
                                         "x",
                                         crop,
                                         ", data.size is ",
                                         config.data.clip.size,
                                         "; eval.size sets another"));
  }
}

/// What the page says beside the scores.
EvalSurroundings surroundings_of(const Job& job, const Dataset& data, int ranks, double seconds) {
  return {*data.source,
          job.config,
          job.saved,
          run_identity(job.config, data, job.device, ranks),
          job.checkpoint ? std::optional(job.checkpoint->manifest().run) : std::nullopt,
          version_text(),
          seconds};
}

/// Samples of data.eval that the checkpoint was trained on; nothing where that cannot be seen.
std::optional<std::int64_t> trained_samples(const Job& job, const EvalContext& context) {
  if (!job.checkpoint) return std::nullopt;
  if (const auto seen = samples_in_training(job.saved, job.config)) return seen;
  // The training list is gone: one of the same names and labels is taken for it.
  if (context.list_crc == job.checkpoint->manifest().run.list_crc) return std::ssize(context.names);
  return std::nullopt;
}

void warn_of_trained(const EvalContext& context) {
  if (context.trained_samples.value_or(0) == 0) return;
  pipeline::log_warn(pipeline::text_of(*context.trained_samples,
                                       " of ",
                                       context.names.size(),
                                       " samples of ",
                                       context.held_out ? "the held-out part" : "data.eval",
                                       " are those that the checkpoint was "
                                       "trained on: the scores say little of others"));
}

void run_evaluation(Invocation& call, const EvalRequest& request) {
  RankJob ranks;
  pipeline::Communicator& communicator = ranks.communicator();
  call.is_root = ranks.is_root();
  const Job job = prepare(call, request, ranks);
  call.phase = Phase::kCheckpoint;
  const auto network = evaluated_network(job, communicator);
  call.phase = Phase::kStart;
  Dataset data;
  require_same(pipeline::all_or_none(communicator, [&] {
    data = make_evaluation_data(job.config, job.classes);
    return pipeline::text_of(write_config(job.config), list_crc(*data.source));
  }));
  const fs::path folder = report_folder(request, job);
  EvalContext context = context_of(job, data);
  pipeline::all_or_none(communicator, [&] {
    if (!ranks.is_root()) return std::string();
    prepare_report_folder(folder);
    warn_of_doubtful_views(job.config);
    if (job.checkpoint) context.digest = job.checkpoint->digest();
    context.trained_samples = trained_samples(job, context);
    warn_of_trained(context);
    return std::string();
  });
  call.phase = Phase::kRun;
  pipeline::EvalOptions options = eval_options(job.config);
  options.keep_views = !request.scores.empty();
  TaskProgress progress(std::cerr,
                        {"evaluated", "samples", audience_of_stderr(communicator.size())});
  options.progress = [&](std::int64_t done) { progress.at(done, data.source->size()); };
  const auto began = std::chrono::steady_clock::now();
  const auto evaluation = pipeline::evaluate(options, *network, *data.source, communicator);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
  if (ranks.is_root()) print_scores(call.out, evaluation, context, folder);  // even if files fail
  pipeline::all_or_none(communicator, [&] {
    if (!ranks.is_root()) return std::string();
    const auto around = surroundings_of(job, data, communicator.size(), taken.count());
    write_eval_report(folder, evaluation, context, &around);
    if (options.keep_views) write_score_file(request.scores, evaluation, context, options.fusion);
    return std::string();
  });
  repeat_refusal(job.device);
  // Behind the report: it is written, but the run did not do what it should.
  pipeline::require_few_bad(evaluation.bad,
                            {data.source->size(),
                             job.config.data.max_bad_fraction,
                             "evaluated samples",
                             " (the report is written)"});
}

/// The configuration that views are listed by: the request's, a run's, or defaults for the kind of
/// the file.
LoadedConfig config_to_explain(Invocation& call, const EvalRequest& request) {
  if (request.has_config()) return config_of_file(request);
  if (!request.checkpoint.empty()) {
    call.phase = Phase::kCheckpoint;
    LoadedConfig loaded = config_of_run(request, pipeline::find_checkpoint(request.checkpoint));
    call.phase = Phase::kStart;
    return loaded;
  }
  return config_for_file(request.explain, request.overrides);
}

}  // namespace

void run_eval(Invocation& call) {
  EvalRequest request;
  if (!read_eval_request(call, request)) return;
  if (request.explain.empty()) return run_evaluation(call, request);
  const RunConfig config = config_to_explain(call, request).config;
  call.phase = Phase::kRun;
  const ViewListing listing = list_views(config, request.explain);
  call.out << (request.json ? listing.json : listing.text);
}

}  // namespace larkspur::launch
