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
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::Errc;
using pipeline::require;

struct PredictRequest {
  std::string checkpoint;
  std::vector<std::string> files;
  bool json = false;
};

/// Per file, in the order of the request: the likeliest classes, or why it cannot be read.
ordered_json answers_of(const Dataset& data, const pipeline::Evaluation& evaluation) {
  std::vector<ordered_json> answers(static_cast<std::size_t>(data.source->size()));
  for (const pipeline::Prediction& prediction : evaluation.predictions) {
    ordered_json likeliest = ordered_json::array();
    for (std::size_t place = 0; place < prediction.classes.size(); ++place) {
      const auto index = static_cast<std::size_t>(prediction.classes[place]);
      likeliest.push_back({{"label", data.classes.at(index)},
                           {"index", index},
                           {"probability", prediction.probabilities[place]}});
    }
    const auto id = static_cast<std::size_t>(prediction.id);
    answers[id] = {
        {"file", data.source->name(prediction.id)}, {"ok", true}, {"predictions", likeliest}};
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

void run_prediction(Invocation& call, const PredictRequest& request) {
  RankJob job;
  pipeline::Communicator& communicator = job.communicator();
  call.is_root = job.is_root();
  // Where the checkpoint was made does not matter here: a GPU if there is one.
  Device device;
  pipeline::all_or_none(communicator, [&] {
    device = use_device(DeviceChoice::kAuto, job.env().local_rank);
    return std::string();
  });
  call.phase = Phase::kCheckpoint;
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
  const auto network = make_evaluated_network(checkpoint, config, device, communicator);
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

}  // namespace

void run_predict(Invocation& call) {
  PredictRequest request;
  CommandLine line(
      call,
      "Prints the five likeliest labels of files, by what a checkpoint was trained on.",
      "--checkpoint runs/demo_cloud/checkpoints data/demo_clouds/box/test/box_0051.off");
  line.required_option(
      "--checkpoint",
      "run folder, its checkpoints folder (the newest whole one), or one checkpoint",
      request.checkpoint);
  line.rest(
      "FILE", "clouds, or whatever the checkpoint was trained on; folders of them", request.files);
  line.flag("--json", "as one JSON object", request.json);
  if (!line.parse()) return;
  require(!request.files.empty(),
          Errc::kInvalidArgument,
          "no FILE given; see 'larkspur predict --help'");
  run_prediction(call, request);
}

}  // namespace larkspur::launch
