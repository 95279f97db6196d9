// SPDX-License-Identifier: Apache-2.0
// Evaluation beside a training: how the network does while it learns, on data that it does not
// learn from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/run/dataset.h"
#include "pipeline/classifier.h"
#include "pipeline/communicator.h"
#include "pipeline/eval/evaluator.h"
#include "pipeline/metrics.h"

namespace larkspur::launch {

/// Of every train.evaluate_every-th epoch and the last one, by eval.protocol, of what eval.on says.
/// The network is as it trains: not merged, the last weights, so a score may differ by a sample
/// from that of `eval`. Nothing of the training depends on it.
class TrainEvaluation {
 public:
  /// Reads the list; `classes` are the training's, a head row each. Throws kNotFound,
  /// kInvalidArgument naming the key for a list that is not there, has other classes or no labels.
  TrainEvaluation(const RunConfig& config, const std::vector<std::string>& classes);

  /// Whether there is one at the end of this epoch, from 0, of so many.
  bool is_due(std::int64_t epoch, std::int64_t epochs) const;

  /// What is scored and how, in words: scores by other words are not compared.
  std::string way() const;

  /// Leaves the network in evaluation mode. The same on every rank but for the seconds; unreadable
  /// samples count as eval.bad_samples says, and the log names one whenever there are more than
  /// before. A collective call.
  pipeline::EvaluationMetrics evaluate(pipeline::Classifier& network,
                                       std::int64_t step,
                                       std::int64_t epoch,
                                       pipeline::Communicator& communicator);

 private:
  RunConfig config_;
  Dataset data_;
  std::size_t named_bad_ = 0;
};

/// Nothing where train.evaluate_every is 0. Rank 0 warns of samples that are trained on as well.
/// What is said of that list names it.
std::unique_ptr<TrainEvaluation> make_train_evaluation(const RunConfig& config,
                                                       const std::vector<std::string>& classes,
                                                       bool is_root);

}  // namespace larkspur::launch
