// SPDX-License-Identifier: Apache-2.0
// When the training loop saves, and what it waits for.
#pragma once

#include "pipeline/phase_board.h"
#include "pipeline/state/train_context.h"
#include "pipeline/state_saver.h"
#include "pipeline/train/step_stats.h"

namespace larkspur::pipeline {

/// Borrows all three; without a saver nothing is saved, without a board nothing is said.
class Saving {
 public:
  Saving(StateSaver* saver, const TrainContext& run, PhaseBoard* board)
      : saver_(saver), run_(run), board_(board) {}

  /// What all ranks told with the facts of a step. Throws the failure of a save.
  void hear(const StepStats& facts);

  /// After a step: a save that is due begins, and goes on beside the next steps. While one is under
  /// way the next waits, not the steps: it saves the state of the step it begins at.
  void beside(bool is_due);

  /// After a step: its state is here whole when this returns, and safe if there is a saver. A
  /// collective call.
  void now();

 private:
  void begin();

  StateSaver* saver_;
  const TrainContext& run_;
  PhaseBoard* board_;
  bool is_due_ = false;
};

}  // namespace larkspur::pipeline
