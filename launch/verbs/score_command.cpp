// SPDX-License-Identifier: Apache-2.0
// `score`: kept scores of one evaluation scored again, of several fused, without a network.
#include <charconv>
#include <cmath>
#include <ostream>

#include "launch/report/score_file.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;

struct ScoreRequest {
  std::vector<std::string> files;
  std::string by;
  std::string weights;
  std::string report;
  bool exclude_bad = false;
};

/// "2,1" as numbers > 0, one a file.
std::vector<double> weights_of(const ScoreRequest& request) {
  std::vector<double> weights;
  const char* at = request.weights.data();
  const char* const end = at + request.weights.size();
  while (at != end) {
    double weight = 0.0;
    const auto [next, error] = std::from_chars(at, end, weight);
    require(error == std::errc() && weight > 0 && std::isfinite(weight) &&
                (next == end || *next == ','),
            Errc::kInvalidArgument,
            "--weights ",
            request.weights,
            ": expected numbers > 0 with commas between, as in 2,1");
    weights.push_back(weight);
    at = next == end ? end : next + 1;
  }
  require(weights.empty() || weights.size() == request.files.size(),
          Errc::kInvalidArgument,
          "--weights has ",
          weights.size(),
          " numbers for ",
          request.files.size(),
          " files");
  return weights;
}

EvalContext context_of(const std::vector<ScoreFile>& files) {
  EvalContext context = files.front().context;
  if (files.size() > 1) context.trained_samples.reset();  // each network has its own
  for (std::size_t f = 1; f < files.size(); ++f) {
    context.protocol += " + " + files[f].context.protocol;
    context.checkpoint += " + " + files[f].context.checkpoint;
    context.digest += " + " + files[f].context.digest;
    context.views += files[f].context.views;
  }
  return context;
}

}  // namespace

void run_score(Invocation& call) {
  ScoreRequest request;
  CommandLine line(call,
                   "Scores files of 'eval --scores' again; of several the weighted mean of their "
                   "probabilities, sample by sample.",
                   "clip.safetensors frames.safetensors --weights 2,1");
  line.rest("FILE", "of evaluations of the same list", request.files);
  line.option("--by",
              "what is averaged over the views of a file: probabilities or logits; default: as its "
              "protocol has it",
              request.by);
  line.option("--weights", "one a file, as in 2,1; default: all alike", request.weights);
  line.option("--report", "folder to write a report in", request.report);
  line.flag("--exclude-bad", "leave out samples that could not be read", request.exclude_bad);
  if (!line.parse()) return;
  require(!request.files.empty(),
          Errc::kInvalidArgument,
          "no FILE given; see '",
          call.path,
          " --help'");
  require(request.by.empty() || request.by == "probabilities" || request.by == "logits",
          Errc::kInvalidArgument,
          "--by ",
          request.by,
          ": expected probabilities or logits");
  FusionOptions options{weights_of(request), request.by, pipeline::BadSamplePolicy::kWrong};
  if (request.exclude_bad) options.bad_samples = pipeline::BadSamplePolicy::kExclude;
  std::vector<ScoreFile> files;
  for (const std::string& path : request.files) files.push_back(read_score_file(path));
  const pipeline::Evaluation evaluation = fuse_score_files(files, request.files, options);
  const EvalContext context = context_of(files);
  if (!request.report.empty()) prepare_report_folder(request.report);
  call.out << scores_line(evaluation, context) << "  protocol " << context.protocol << "  views "
           << context.views << std::endl;
  if (!request.report.empty()) write_eval_report(request.report, evaluation, context);
}

}  // namespace larkspur::launch
