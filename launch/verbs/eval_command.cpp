// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <optional>
#include <ostream>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "launch/report/eval_report.h"
#include "launch/run/assemble.h"
#include "launch/run/rank_job.h"
#include "launch/run/resume.h"
#include "launch/run/saved_config.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/all_or_none.h"
#include "pipeline/bad_samples.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

/// What the command line asks for.
struct EvalRequest {
  std::string file;
  std::vector<std::string> overrides;
  std::string checkpoint;
  std::string report;
};

EvalContext context_of(const RunConfig& config,
                       const pipeline::Checkpoint& checkpoint,
                       const Dataset& data) {
  EvalContext context;
  context.protocol = enum_name(config.eval.protocol);
  context.checkpoint = checkpoint.folder().string();
  context.step = checkpoint.manifest().step;
  context.classes = data.classes;
  for (std::int64_t id = 0; id < data.source->size(); ++id) {
    context.names.push_back(data.source->name(id));
  }
  context.list_crc = list_crc(*data.source);
  return context;
}

void print_scores(std::ostream& out,
                  const pipeline::Evaluation& evaluation,
                  const fs::path& folder) {
  const pipeline::Scores& scores = evaluation.scores;
  out << "top1 " << scores.top1 << " %  top5 " << scores.top5 << " %  class mean "
      << scores.mean_class_accuracy << " %  samples " << scores.samples << "  unreadable "
      << evaluation.bad.size() << "  report " << folder.string() << std::endl;
}

void run_evaluation(Invocation& call, const EvalRequest& request) {
  RankJob job;
  pipeline::Communicator& communicator = job.communicator();
  call.is_root = job.is_root();
  RunConfig config;
  Device device;
  pipeline::all_or_none(communicator, [&] {
    const LoadedConfig loaded = load_config(request.file, request.overrides);
    check_paths(loaded, {"data.eval"});
    config = loaded.config;
    device = use_device(config.device, job.env().local_rank);
    return std::string();
  });
  set_compute_threads(config.train.threads);
  call.phase = Phase::kCheckpoint;
  const std::string where =
      request.checkpoint.empty() ? checkpoints_folder(config).string() : request.checkpoint;
  const pipeline::Checkpoint checkpoint = pipeline::find_checkpoint(where, communicator);
  const RunConfig saved = config_of(checkpoint);
  if (config.model.classes == 0) config.model.classes = saved.model.classes;
  compare_for_evaluation(saved, config, checkpoint.folder().string());
  const auto network = make_evaluated_network(checkpoint, config, device, communicator);

  call.phase = Phase::kStart;
  Dataset data;
  require_same(pipeline::all_or_none(communicator, [&] {
    data = make_evaluation_data(config, checkpoint.manifest().run.classes);
    return pipeline::text_of(write_config(config), list_crc(*data.source));
  }));
  const fs::path folder =
      request.report.empty() ? fs::path(config.output) / "report" : fs::path(request.report);
  pipeline::all_or_none(communicator, [&] {
    if (job.is_root()) prepare_report_folder(folder);
    return std::string();
  });
  const EvalContext context = context_of(config, checkpoint, data);
  if (context.list_crc == checkpoint.manifest().run.list_crc) {
    pipeline::log_warn(
        "data.eval has the very samples that the checkpoint was trained on: the scores say nothing "
        "of others");
  }
  call.phase = Phase::kRun;
  const auto evaluation =
      pipeline::evaluate(eval_options(config), *network, *data.source, communicator);
  if (job.is_root()) print_scores(call.out, evaluation, folder);  // whatever becomes of the files
  pipeline::all_or_none(communicator, [&] {
    if (job.is_root()) write_eval_report(folder, evaluation, context);
    return std::string();
  });
  repeat_refusal(device);
  // Behind the report: it is written, but the run did not do what it should.
  pipeline::require_few_bad(evaluation.bad,
                            {data.source->size(),
                             config.data.max_bad_fraction,
                             "evaluated samples",
                             " (the report is written)"});
}

}  // namespace

void run_eval(Invocation& call) {
  EvalRequest request;
  CommandLine line(call,
                   "Evaluates a checkpoint on data.eval and writes a report.\n"
                   "'larkspur inspect config' lists every key, its default and what it means.",
                   "configs/demo/cloud.yaml --checkpoint runs/demo_cloud/checkpoints --report out");
  line.argument("CONFIG", "YAML file", request.file);
  line.rest("OVERRIDES", "key=value, as in eval.batch=8", request.overrides);
  line.option("--checkpoint",
              "run folder, its checkpoints folder (the newest whole one), or one checkpoint; "
              "default: output",
              request.checkpoint);
  line.option("--report", "folder to write; default: output/report", request.report);
  if (!line.parse()) return;
  run_evaluation(call, request);
}

}  // namespace larkspur::launch
