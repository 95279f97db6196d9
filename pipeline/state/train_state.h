// SPDX-License-Identifier: Apache-2.0
// Everything a checkpoint must hold. What is not here is not resumed.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/classifier.h"
#include "pipeline/state/flat_parameters.h"
#include "pipeline/state/lane_statistics.h"
#include "pipeline/state/loss_scaler.h"
#include "pipeline/state/optimizer.h"

namespace larkspur::pipeline {

/// The moving parts of a run, on one rank and on the device the network was placed on. The order of
/// samples, the schedule and every random draw follow from `step` and the configuration, so there
/// is no generator and no loader to save.
struct TrainState {
  TrainState(const Classifier& classifier,
             std::int64_t bucket_elements,
             int rank,
             int ranks,
             const AdamWOptions& options)
      : parameters(classifier.parameters(), bucket_elements),
        statistics(classifier.statistics()),
        optimizer(parameters.layout(), rank, ranks, options, parameters.values().device()) {}

  FlatParameters parameters;   ///< all of them, on every rank
  LaneStatistics statistics;   ///< likewise
  AdamW optimizer;             ///< moments of the chunks this rank owns
  LossScaler scaler;           ///< of a float16 run; untouched in others
  std::int64_t step = 0;       ///< steps finished: place in the schedule and in the data
  std::vector<BadSample> bad;  ///< distinct unreadable samples, in the order they were met

  /// Steps that changed the weights: what the optimiser's bias correction counts.
  std::int64_t updates() const { return step - scaler.skipped(); }
};

}  // namespace larkspur::pipeline
