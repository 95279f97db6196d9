// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/eval_request.h"

#include "launch/config/config_file.h"
#include "launch/run/saved_config.h"
#include "launch/verbs/averaged_flag.h"
#include "launch/verbs/command_line.h"
#include "pipeline/require.h"

namespace larkspur::launch {

using pipeline::Errc;
using pipeline::require;

bool read_eval_request(Invocation& call, EvalRequest& request) {
  CommandLine line(call,
                   "Evaluates a checkpoint on data.eval and writes a report.\n"
                   "'larkspur inspect config' lists every key, its default and what it means, "
                   "'larkspur inspect protocols' which views of a sample can be scored.",
                   "--checkpoint runs/demo_clip eval.protocol=videomae_5x3 --report out");
  line.optional_argument("CONFIG",
                         "YAML file; without it the configuration that the run was trained with",
                         request.file);
  line.rest("OVERRIDES", "key=value, as in eval.batch=8", request.overrides);
  line.option("--checkpoint",
              "run folder, its checkpoints folder (the newest whole one), or one checkpoint; "
              "default: output of CONFIG",
              request.checkpoint);
  averaged_flag(line, request.averaged);
  line.option("--weights",
              "published weights instead (.safetensors, .pth): CONFIG says of what model, its list "
              "or data.eval.labels what each row of the head means",
              request.weights);
  line.option("--report",
              "folder to write; default: output/report, or beside the checkpoints",
              request.report);
  line.option("--scores",
              ".safetensors file to keep the scores of every view in, for 'larkspur score'",
              request.scores);
  line.option("--explain",
              "list the views of this file that the protocol looks at (frames, crops, rotations), "
              "and evaluate nothing; needs no CONFIG and no checkpoint",
              request.explain);
  line.flag("--json", "that list as one JSON object", request.json);
  if (!line.parse()) return false;
  if (request.file.find('=') != std::string::npos) {
    request.overrides.insert(request.overrides.begin(), request.file);
    request.file.clear();
  }
  require(request.has_config() || !request.checkpoint.empty() || !request.explain.empty(),
          Errc::kInvalidArgument,
          "name a CONFIG, or a run by --checkpoint; see '",
          call.path,
          " --help'");
  require(request.weights.empty() || (request.has_config() && request.checkpoint.empty()),
          Errc::kInvalidArgument,
          "--weights goes with a CONFIG, which says what network they are of, and without "
          "--checkpoint");
  require(request.weights.empty() || !request.averaged,
          Errc::kInvalidArgument,
          "--averaged is of a checkpoint: --weights has one set");
  require(!request.json || !request.explain.empty(),
          Errc::kInvalidArgument,
          "--json goes with --explain; the report has a report.json");
  return true;
}

LoadedConfig config_of_file(const EvalRequest& request) {
  return load_config(request.file, request.overrides);
}

LoadedConfig config_of_run(const EvalRequest& request, const pipeline::Checkpoint& checkpoint) {
  LoadedConfig loaded = loaded_config_of(checkpoint);
  loaded.config.device = DeviceChoice::kAuto;
  override_config(loaded, request.overrides);
  return loaded;
}

}  // namespace larkspur::launch
