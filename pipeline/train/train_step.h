// SPDX-License-Identifier: Apache-2.0
// One optimisation step, from this rank's lanes of a global batch to new weights on every rank.
#pragma once

#include <functional>

#include "pipeline/batch.h"
#include "pipeline/phase_board.h"
#include "pipeline/state/train_context.h"
#include "pipeline/state_saver.h"
#include "pipeline/train/requests.h"
#include "pipeline/train/step_stats.h"

namespace larkspur::pipeline {

/// What a step works on. References outlive the step; `next_batch` gives lane after lane, in host
/// memory: the step moves it to the device of the state.
struct TrainStep {
  TrainContext& run;
  std::function<Batch()> next_batch;
  double label_smoothing;
  Requests& requests;
  StateSaver* saver = nullptr;  ///< tells the other ranks how far it is; null: nothing to tell
  PhaseBoard* board = nullptr;  ///< hears of waits that no other part tells of; null: nobody does
};

/// What a step found out; the same on every rank.
struct StepOutcome {
  StepStats facts;          ///< of all lanes
  double loss = 0.0;        ///< mean over lanes, in lane order
  double grad_norm = 0.0;   ///< of the mean gradient, before clipping
  double loss_scale = 1.0;  ///< what the loss was multiplied by in backward
  bool skipped = false;     ///< the gradient was not finite; only `step` and `scaler` changed
};

/// Wishes that arrive before the step's exchange of facts are in its outcome, on every rank.
/// Advances state.step. With run.arriving the new weights of other ranks are on their way when it
/// returns, and the next step waits for them itself. A gradient that is not finite is skipped in
/// float16 while the loss scale can fall; otherwise that throws kInvalidArgument and nothing is
/// changed. Throws kCollective when a peer is lost. A collective call.
StepOutcome train_step(TrainStep& job, double learning_rate);

}  // namespace larkspur::pipeline
