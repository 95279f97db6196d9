// SPDX-License-Identifier: Apache-2.0
// Evaluation: every sample of the list exactly once, whatever the number of ranks.
//
//   list -> fixed groups -> group j to rank j mod ranks -> passes of `batch` views -> views of a
//   sample become one, best five -> all ranks' rows, ordered by sample -> scores
//
// Groups are cut from the list before they are dealt out, and every pass has the same number of
// rows, so a sample's probabilities have the same bits for any number of ranks, in any order of the
// list and beside any unreadable file. A group is as many samples as have `batch` views, one at
// least; all views of a sample come from one opening of its file.
#pragma once

#include <functional>
#include <vector>

#include "pipeline/classifier.h"
#include "pipeline/communicator.h"
#include "pipeline/eval/score_table.h"
#include "pipeline/plan/protocol.h"
#include "pipeline/sample_source.h"

namespace larkspur::pipeline {

struct EvalOptions {
  std::uint64_t seed = 1;   ///< keys what a reader draws (surface points of a mesh)
  std::int64_t batch = 32;  ///< views a forward pass, > 0
  std::int64_t views = 1;   ///< of each sample, > 0
  ViewFusion fusion = ViewFusion::kProbabilities;
  bool keep_views = false;      ///< the logits of every view, on rank 0
  bool several_labels = false;  ///< samples may show several classes: mean average precision
  std::int64_t classes = 0;
  BadSamplePolicy bad_samples = BadSamplePolicy::kWrong;
  int workers = 1;  ///< reading threads a rank
  /// Called on rank 0, now and then, with how many samples are done; for people only.
  std::function<void(std::int64_t done)> progress{};
};

struct Evaluation {
  Scores scores;
  std::vector<Prediction> predictions;  ///< by sample id
  std::vector<BadSample> bad;           ///< by sample id; also samples whose logits are not finite
};

/// Runs on the device the classifier was placed on. The same result on every rank. Puts the
/// classifier in evaluation mode. A collective call.
Evaluation evaluate(const EvalOptions& options,
                    Classifier& classifier,
                    const SampleSource& source,
                    Communicator& communicator);

}  // namespace larkspur::pipeline
