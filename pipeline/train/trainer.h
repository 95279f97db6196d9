// SPDX-License-Identifier: Apache-2.0
// The training loop: epochs of steps, metrics out, checkpoints when due, stops when asked.
#pragma once

#include <cstdint>
#include <functional>

#include "pipeline/batch_norm_hook.h"
#include "pipeline/data/epoch_order.h"
#include "pipeline/data/mix.h"
#include "pipeline/metrics.h"
#include "pipeline/phase_board.h"
#include "pipeline/precision.h"
#include "pipeline/sample_source.h"
#include "pipeline/state/train_context.h"
#include "pipeline/state_saver.h"
#include "pipeline/train/requests.h"
#include "pipeline/train/schedule.h"

namespace larkspur::pipeline {

struct TrainOptions {
  std::uint64_t seed = 1;
  std::int64_t epochs = 1;         ///< > 0
  std::int64_t global_batch = 16;  ///< views a step over all lanes, a multiple of lanes x repeats
  int lanes = 4;                   ///< a power of two, >= the number of ranks
  int repeats = 1;                 ///< views of each sample in a step, > 0: repeated augmentation
                                   ///< (Hoffer et al. 2020, arXiv 1901.09335)
  double learning_rate = 1e-3;     ///< peak
  double min_learning_rate = 0.0;  ///< after the last step
  double warmup_epochs = 0.0;      ///< >= 0
  double warmup_share = 0.0;       ///< [0, 1) of all steps, in place of warmup_epochs; 0: that
  RateSweep sweep{};               ///< in place of the schedule; off: none
  double label_smoothing = 0.0;    ///< [0, 1)
  MixOptions mix{};                ///< inside each lane
  double max_bad_fraction = 0.01;  ///< of the list; more distinct unreadable samples end the run
  std::int64_t checkpoint_every = 0;  ///< steps; 0: at the end of each epoch
  std::int64_t stop_after_steps = 0;  ///< save and end there; 0: run to the end
  int workers = 1;                    ///< reading threads a rank
  Precision precision = Precision::kFloat32;
  NormScope batch_norm = NormScope::kLane;
  std::int64_t precise_norm_samples = 0;  ///< at each epoch's end the running statistics are those
                                          ///< of so many samples (precise_norm.h), in whole global
                                          ///< batches; 0: running averages

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// Scores the state at an epoch's end, from 0. Empty functions: never.
struct EpochEvaluation {
  std::function<bool(std::int64_t epoch)> is_due;  ///< the same on every rank

  /// Collective. Its state is safe before: what ends the run meanwhile costs no training. May run
  /// the network, also in evaluation, but leaves weights and statistics as they are. Not called
  /// where a stop was asked for.
  std::function<void(std::int64_t epoch)> run;
};

/// Who takes part. References outlive the trainer.
struct TrainParts {
  TrainContext run;  ///< lanes, precision and lockstep lanes are set from the options
  const SampleSource& source;
  MetricSink& metrics;  ///< called on rank 0 only
  Requests& requests;
  StateSaver* saver = nullptr;       ///< of the state; null: nothing is saved, no epoch logged
  std::function<void()> report_bad;  ///< new unreadable samples are in the state; collective

  EpochEvaluation evaluation{};

  /// Where the loop writes what it is at; null: nowhere.
  PhaseBoard* board = nullptr;
};

enum class TrainEnd : std::uint8_t {
  kFinished,       ///< all epochs are done
  kStepLimit,      ///< stop_after_steps was reached
  kStopRequested,  ///< a rank was asked to stop
};

/// Trains from parts.run.state.step on. Saves go on beside the steps; that of the last step, of one
/// that is evaluated, and one that was asked for, is safe before the loop goes on or returns.
/// Throws kCorruptData when too much of the list is unreadable, naming the first such sample in
/// epoch order, and what a step throws. A collective call.
TrainEnd train(const TrainOptions& options, TrainParts& parts);

}  // namespace larkspur::pipeline
