// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "pipeline/bad_samples.h"
#include "pipeline/data/prefetcher.h"
#include "pipeline/device_memory.h"
#include "pipeline/log.h"
#include "pipeline/norm/lockstep_lanes.h"
#include "pipeline/norm/precise_norm.h"
#include "pipeline/require.h"
#include "pipeline/state/arriving_values.h"
#include "pipeline/train/lane_batches.h"
#include "pipeline/train/phased_communicator.h"
#include "pipeline/train/saving.h"
#include "pipeline/train/schedule.h"
#include "pipeline/train/timed_exchange.h"
#include "pipeline/train/train_step.h"

namespace larkspur::pipeline {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

LearningRateSchedule schedule_of(const TrainOptions& options, std::int64_t steps_per_epoch) {
  LearningRateSchedule schedule;
  schedule.peak = options.learning_rate;
  schedule.floor = options.min_learning_rate;
  schedule.sweep = options.sweep;
  schedule.total_steps = options.epochs * steps_per_epoch;
  const double warmup = options.warmup_share > 0
                            ? options.warmup_share * static_cast<double>(schedule.total_steps)
                            : options.warmup_epochs * static_cast<double>(steps_per_epoch);
  schedule.warmup_steps =
      std::min(schedule.total_steps, static_cast<std::int64_t>(std::llround(warmup)));
  return schedule;
}

/// Adds the step's unreadable samples that were not met before; the first time each is logged.
/// Whether there were any.
bool remember_bad(TrainState& state, const std::vector<BadSample>& bad) {
  const std::size_t before = state.bad.size();
  for (const BadSample& sample : bad) {
    const bool known = std::any_of(state.bad.begin(), state.bad.end(), [&](const BadSample& other) {
      return other.id == sample.id;
    });
    if (known) continue;
    state.bad.push_back(sample);
    log_info(text_of("skipped ", sample.name, ": ", sample.message));
  }
  return state.bad.size() > before;
}

bool checkpoint_due(const TrainOptions& options, const StepShape& shape, std::int64_t step) {
  const std::int64_t every =
      options.checkpoint_every > 0 ? options.checkpoint_every : shape.steps_per_epoch();
  return step % every == 0;
}

/// Precise statistics from the samples of the steps to come, as they will be read but unmixed: a
/// function of configuration and step, so a resumed run finds the same.
void measure_ahead(const TrainOptions& options,
                   const StepShape& shape,
                   const SampleSource& source,
                   TrainContext& run) {
  const std::int64_t batches =
      (options.precise_norm_samples + options.global_batch - 1) / options.global_batch;
  const std::int64_t count = run.lanes.count;
  Prefetcher prefetcher(source,
                        lane_batches(options, shape, run.lanes, run.state.step),
                        {0,
                         batches * count,
                         options.workers,
                         static_cast<int>(2 * count) + options.workers,
                         run.state.parameters.values().is_cuda()});
  NormMeasurement job{run, batches, [&] { return prefetcher.next(); }};
  measure_norms(job);
}

/// Sums over the steps of one epoch, for the one line an epoch gets in the log. Its seconds are
/// those of the steps, without what an epoch's end brings.
struct EpochSummary {
  double loss = 0.0;
  double accuracy = 0.0;
  std::int64_t steps = 0;
  double seconds = 0.0;

  void add(const StepMetrics& metrics, std::int64_t global_batch) {
    seconds += static_cast<double>(global_batch) / metrics.samples_per_second;
    if (!std::isfinite(metrics.loss)) return;  // skipped, and counted as such
    loss += metrics.loss;
    accuracy += metrics.accuracy;
    ++steps;
  }
  std::string text(std::int64_t epoch, std::int64_t epochs) const {
    const auto count = static_cast<double>(std::max<std::int64_t>(1, steps));
    return text_of("epoch ",
                   epoch + 1,
                   "/",
                   epochs,
                   ": loss ",
                   loss / count,
                   ", training accuracy ",
                   accuracy / count,
                   " %, ",
                   seconds,
                   " s");
  }
};

StepMetrics metrics_of(const StepOutcome& outcome, const TrainState& state) {
  StepMetrics metrics;
  metrics.step = state.step;
  metrics.loss = outcome.loss;
  metrics.accuracy = 100.0 * static_cast<double>(outcome.facts.correct) /
                     static_cast<double>(outcome.facts.samples);
  metrics.grad_norm = outcome.grad_norm;
  metrics.bad_samples = static_cast<std::int64_t>(state.bad.size());
  metrics.loss_scale = outcome.loss_scale;
  metrics.skipped_steps = state.scaler.skipped();
  return metrics;
}

/// Where the seconds of a step went.
class StepClock {
 public:
  StepClock(const Prefetcher& data, const TimedExchange& exchange)
      : data_(data),
        exchange_(exchange),
        data_before_(data.waited_seconds()),
        reduce_before_(exchange.reduce_seconds()) {}

  void write(StepMetrics& metrics, std::int64_t global_batch) const {
    metrics.data_wait_seconds = data_.waited_seconds() - data_before_;
    metrics.exposed_reduce_seconds = exchange_.reduce_seconds() - reduce_before_;
    metrics.samples_per_second = static_cast<double>(global_batch) / seconds_since(start_);
  }

 private:
  const Prefetcher& data_;
  const TimedExchange& exchange_;
  double data_before_;
  double reduce_before_;
  Clock::time_point start_ = Clock::now();
};

/// What an epoch's end brings before its state is saved.
void end_epoch(const TrainOptions& options,
               const StepShape& shape,
               TrainParts& parts,
               TrainContext& run,
               EpochSummary& summary) {
  // Where nothing is saved, steps are only tried: their epochs are nobody's.
  const std::int64_t epoch = shape.epoch_of(run.state.step - 1);
  if (parts.saver != nullptr) log_info(summary.text(epoch, options.epochs));
  summary = EpochSummary();
  run.arriving->wait_for_all();
  if (options.precise_norm_samples == 0) return;
  const PhaseScope phase(parts.board, RunPhase::kEpochEnd);
  measure_ahead(options, shape, parts.source, run);
}

/// Whoever asked for a stop does not wait for it.
bool is_evaluated(const TrainParts& parts, std::int64_t epoch, const StepStats& facts) {
  return !facts.stop_requested && parts.evaluation.is_due && parts.evaluation.is_due(epoch);
}

/// Of a state that is saved, so here whole. The network is as before when this returns.
void evaluate_epoch(TrainParts& parts, TrainContext& run, std::int64_t epoch) {
  const PhaseScope phase(parts.board, RunPhase::kEpochEnd);
  parts.evaluation.run(epoch);
  run.classifier.set_training(true);
}

/// This rank's lanes of so many steps from the state's own on.
Prefetcher lanes_to_come(const TrainOptions& options,
                         const StepShape& shape,
                         const SampleSource& source,
                         const TrainContext& run,
                         std::int64_t steps) {
  return Prefetcher(source,
                    lane_batches(options, shape, run.lanes, run.state.step),
                    {0,
                     steps * run.lanes.count,
                     options.workers,
                     2 * run.lanes.count + options.workers,
                     run.state.parameters.values().is_cuda(),
                     {options.mix, options.repeats}});
}

Batch next_batch(Prefetcher& prefetcher, PhaseBoard* board) {
  const PhaseScope phase(board, RunPhase::kData);
  return prefetcher.next();
}

void log_skip(const TrainState& state) {
  log_info(text_of("skipped step ",
                   state.step,
                   ": its gradient overflowed float16; the loss scale is now ",
                   state.scaler.scale()));
}

/// Why the loop ends after this step, if it does.
std::optional<TrainEnd> end_after(const TrainOptions& options,
                                  const StepStats& facts,
                                  std::int64_t step,
                                  std::int64_t total_steps) {
  if (step >= total_steps) return TrainEnd::kFinished;
  if (facts.stop_requested) return TrainEnd::kStopRequested;
  if (options.stop_after_steps > 0 && step >= options.stop_after_steps) return TrainEnd::kStepLimit;
  return std::nullopt;
}

/// Of a run that is started again and has nothing left to do.
void log_end(std::int64_t step, TrainEnd end) {
  log_info(text_of("nothing left to train: step ",
                   step,
                   end == TrainEnd::kStepLimit
                       ? " is at train.stop_after_steps: raise it to go on"
                       : " is the last; for more epochs choose another output, and this one as "
                         "model.weights"));
}

TrainContext context_of(const TrainOptions& options,
                        TrainParts& parts,
                        GradientExchange& exchange,
                        Communicator& communicator) {
  TrainContext run{parts.run.classifier, parts.run.state, exchange, communicator};
  run.lanes = lanes_of_rank(communicator.rank(), communicator.size(), options.lanes);
  run.precision = options.precision;
  return run;
}

/// None where every lane is normalised by itself.
std::unique_ptr<LockstepLanes> lockstep_lanes(const TrainOptions& options,
                                              const TrainContext& run) {
  if (options.batch_norm != NormScope::kSynchronised) return nullptr;
  return std::make_unique<LockstepLanes>(
      run.classifier, run.state, run.communicator, run.lanes.count);
}

}  // namespace

void TrainOptions::check() const {
  const auto need = [](bool good, const char* field, auto value, const char* want) {
    require(good, Errc::kInvalidArgument, "train.", field, " is ", value, ": ", want);
  };
  need(epochs > 0, "epochs", epochs, "must be > 0");
  need(is_power_of_two(lanes), "lanes", lanes, "must be a power of two");
  need(repeats > 0, "repeats", repeats, "must be > 0");
  need(global_batch > 0 && global_batch % (std::int64_t{lanes} * repeats) == 0,
       "global_batch",
       global_batch,
       "must be a multiple of train.lanes times train.repeats");
  need(learning_rate >= min_learning_rate,
       "learning_rate",
       learning_rate,
       "must not be below train.min_learning_rate");
  need(warmup_share >= 0 && warmup_share < 1, "warmup_share", warmup_share, "must be in [0, 1)");
  need(label_smoothing >= 0 && label_smoothing < 1,
       "label_smoothing",
       label_smoothing,
       "must be in [0, 1)");
  mix.check();
  need(workers > 0, "workers", workers, "must be > 0");
  need(precise_norm_samples >= 0,
       "precise_norm_samples",
       precise_norm_samples,
       "must not be negative");
}

TrainEnd train(const TrainOptions& options, TrainParts& parts) {
  options.check();
  TimedExchange exchange(parts.run.exchange, parts.board);
  PhasedCommunicator communicator(parts.run.communicator, parts.board);
  TrainContext run = context_of(options, parts, exchange, communicator);
  TrainState& state = run.state;
  const StepShape shape = step_shape(options, parts.source.size());
  const LearningRateSchedule schedule = schedule_of(options, shape.steps_per_epoch());
  if (const auto end = end_after(options, {}, state.step, schedule.total_steps)) {
    log_end(state.step, *end);
    return *end;
  }
  Prefetcher prefetcher =
      lanes_to_come(options, shape, parts.source, run, schedule.total_steps - state.step);
  const auto next = [&] { return next_batch(prefetcher, parts.board); };
  TrainStep job{run, next, options.label_smoothing, parts.requests, parts.saver, parts.board};
  run.classifier.set_training(true);
  const auto lockstep = lockstep_lanes(options, run);
  run.lockstep = lockstep.get();
  ArrivingValues arriving(exchange, state.parameters.layout());
  run.arriving = &arriving;
  Saving saving(parts.saver, run, parts.board);

  MemoryShortage memory(state.parameters.values().device());
  EpochSummary epoch_summary;
  while (true) {
    if (parts.board != nullptr) parts.board->begin_step(state.step + 1);
    const StepClock clock(prefetcher, exchange);
    const double learning_rate = schedule.at(state.step);
    const std::int64_t epoch = shape.epoch_of(state.step);
    const StepOutcome outcome = train_step(job, learning_rate);
    memory.require_none(state.step);
    saving.hear(outcome.facts);
    if (remember_bad(state, outcome.facts.bad)) parts.report_bad();
    if (outcome.skipped) log_skip(state);

    StepMetrics metrics = metrics_of(outcome, state);
    metrics.epoch = epoch;
    metrics.learning_rate = learning_rate;
    clock.write(metrics, options.global_batch);
    if (run.communicator.rank() == 0) parts.metrics.step(metrics);
    require_few_bad(state.bad, {shape.samples, options.max_bad_fraction, "training samples"});
    epoch_summary.add(metrics, options.global_batch);
    const bool ends_epoch = state.step % shape.steps_per_epoch() == 0;
    if (ends_epoch) end_epoch(options, shape, parts, run, epoch_summary);

    const auto end = end_after(options, outcome.facts, state.step, schedule.total_steps);
    const bool evaluates = ends_epoch && is_evaluated(parts, epoch, outcome.facts);
    if (end || evaluates || outcome.facts.checkpoint_requested) {
      saving.now();
    } else {
      saving.beside(checkpoint_due(options, shape, state.step));
    }
    if (evaluates) evaluate_epoch(parts, run, epoch);
    if (end) return *end;
  }
}

}  // namespace larkspur::pipeline
