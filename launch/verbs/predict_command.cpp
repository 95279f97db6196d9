// SPDX-License-Identifier: Apache-2.0
// `predict`: an evaluation of a list that holds the files of the command line, without a score.
//
// Configuration and class names are those the checkpoint was trained with, and the samples come
// from the same place as an evaluation's, so what a run can be trained on can be predicted.
#include <iomanip>
#include <iostream>

#include <nlohmann/json.hpp>

#include "launch/run/assemble.h"
#include "launch/run/rank_job.h"
#include "launch/run/saved_config.h"
#include "launch/supervise/task_progress.h"
#include "launch/verbs/averaged_flag.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/predict_request.h"
#include "launch/verbs/predict_stream.h"
#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::Errc;

/// Per file, in the order of the request: the likeliest classes, or why it cannot be read.
ordered_json answers_of(const Dataset& data, const pipeline::Evaluation& evaluation) {
  std::vector<ordered_json> answers(static_cast<std::size_t>(data.source->size()));
  for (const pipeline::Prediction& prediction : evaluation.predictions) {
    const auto id = static_cast<std::size_t>(prediction.id);
    answers[id] = {{"file", data.source->name(prediction.id)},
                   {"ok", true},
                   {"predictions", likeliest_classes(prediction, data.classes)}};
  }
  for (const pipeline::BadSample& bad : evaluation.bad) {
    const auto id = static_cast<std::size_t>(bad.id);
    answers[id] = {{"file", data.source->name(bad.id)}, {"ok", false}, {"error", bad.message}};
  }
  return answers;
}

void print_text(std::ostream& out, const ordered_json& answers) {
  for (const ordered_json& answer : answers) {
    out << answer["file"].get<std::string>() << "\n";
    if (!answer["ok"]) {
      out << "  cannot be read: " << answer["error"].get<std::string>() << "\n";
      continue;
    }
    for (const ordered_json& one : answer["predictions"]) {
      out << std::fixed << std::setprecision(1) << std::setw(7)
          << 100.0 * one["probability"].get<double>() << " %  " << one["label"].get<std::string>()
          << "\n";
    }
  }
}

void print(std::ostream& out,
           const PredictRequest& request,
           const pipeline::Checkpoint& checkpoint,
           const ordered_json& answers) {
  if (!request.json) return print_text(out, answers);
  const ordered_json all = {{"checkpoint", checkpoint.folder().string()},
                            {"step", checkpoint.manifest().step},
                            {"files", answers}};
  out << all.dump(2, ' ', false, ordered_json::error_handler_t::replace) << "\n";
}

/// Where a checkpoint was made does not matter here: a GPU if there is one.
Device any_device(RankJob& job) {
  Device device;
  pipeline::all_or_none(job.communicator(), [&] {
    device = use_device(DeviceChoice::kAuto, job.env().local_rank);
    return std::string();
  });
  return device;
}

void predict_files(Invocation& call,
                   const PredictRequest& request,
                   RankJob& job,
                   const Device& device) {
  pipeline::Communicator& communicator = job.communicator();
  const auto checkpoint = pipeline::find_checkpoint(request.checkpoint, communicator);
  const RunConfig config = config_of(checkpoint);
  call.phase = Phase::kStart;
  Dataset data;
  pipeline::all_or_none(communicator, [&] {
    data = make_data_of_files(config, checkpoint.manifest().run.classes, request.files);
    return std::string();
  });
  set_compute_threads(config.train.threads);
  call.phase = Phase::kCheckpoint;
  const auto network = make_evaluated_network(
      checkpoint, weight_set(request.averaged), config, device, communicator);
  call.phase = Phase::kRun;
  TaskProgress progress(std::cerr, {"predicted", "files", audience_of_stderr(communicator.size())});
  pipeline::EvalOptions options = eval_options(config);
  options.progress = [&](std::int64_t done) { progress.at(done, data.source->size()); };
  const auto evaluation = pipeline::evaluate(options, *network, *data.source, communicator);
  if (job.is_root()) {
    print(call.out, request, checkpoint, answers_of(data, evaluation));
  }
  if (evaluation.bad.empty()) return;
  call.out.flush();
  throw pipeline::Error(Errc::kCorruptData,
                        pipeline::text_of(evaluation.bad.size(),
                                          " of ",
                                          data.source->size(),
                                          " files cannot be read; the first: ",
                                          evaluation.bad.front().message));
}

void predict_windows(Invocation& call,
                     const PredictRequest& request,
                     RankJob& job,
                     const Device& device) {
  const auto checkpoint = pipeline::find_checkpoint(request.checkpoint, job.communicator());
  const RunConfig config = config_of(checkpoint);
  set_compute_threads(config.train.threads);
  const auto network = make_evaluated_network(
      checkpoint, weight_set(request.averaged), config, device, job.communicator());
  predict_stream(
      call, request, {config, checkpoint.manifest().run.classes, *network, job.communicator()});
}

}  // namespace

void run_predict(Invocation& call) {
  PredictRequest request;
  if (!read_predict_request(call, request)) return;
  RankJob job;
  call.is_root = job.is_root();
  const Device device = any_device(job);
  call.phase = Phase::kCheckpoint;
  if (request.stream.empty()) {
    predict_files(call, request, job, device);
  } else {
    predict_windows(call, request, job, device);
  }
}

}  // namespace larkspur::launch
