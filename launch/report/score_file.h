// SPDX-License-Identifier: Apache-2.0
// The scores of every view of an evaluation in a file, to be scored again and fused with those of
// other networks: `eval --scores FILE`, `score FILE...`.
//
// A safetensors file: "logits" float32 [S, V, K] of the samples that could be read; the rest is
// JSON in its metadata: which samples those are, names, labels and classes of the whole list, what
// could not be read, protocol and how its views become one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "launch/report/eval_report.h"
#include "pipeline/plan/protocol.h"

namespace larkspur::launch {

struct ScoreFile {
  EvalContext context;
  pipeline::ViewFusion fusion = pipeline::ViewFusion::kProbabilities;
  std::vector<pipeline::BadSample> bad;
  std::vector<std::int64_t> ids;  ///< [S], rising
  at::Tensor logits_SVK;
};

/// Of an evaluation that kept its views' logits. Replaces a file. Throws kIo; kInvalidArgument
/// where no sample could be read.
void write_score_file(const std::filesystem::path& path,
                      const pipeline::Evaluation& evaluation,
                      const EvalContext& context,
                      pipeline::ViewFusion fusion);

/// Throws kNotFound, kIo, kCorruptData naming the file and what it lacks.
ScoreFile read_score_file(const std::filesystem::path& path);

/// How files are put together.
struct FusionOptions {
  std::vector<double> weights;  ///< one a file, > 0; empty: all 1
  std::string by;               ///< probabilities or logits; empty: as each protocol has it
  pipeline::BadSamplePolicy bad_samples = pipeline::BadSamplePolicy::kWrong;
};

/// The weighted mean of the files' probabilities of each sample, scored. A sample that one of them
/// could not read is bad. Throws kInvalidArgument naming two files whose lists (matched by name),
/// labels or classes differ.
pipeline::Evaluation fuse_score_files(const std::vector<ScoreFile>& files,
                                      const std::vector<std::string>& paths,
                                      const FusionOptions& options);

}  // namespace larkspur::launch
