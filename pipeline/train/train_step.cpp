// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/train_step.h"

#include <cmath>
#include <numeric>

#include "pipeline/state/arriving_values.h"
#include "pipeline/train/step_lanes.h"

namespace larkspur::pipeline {
namespace {

/// What came up on this rank beside the lanes, for all ranks to know.
void add_news(TrainStep& job, StepStats& mine) {
  mine.checkpoint_requested = job.requests.checkpoint.exchange(false);
  mine.stop_requested = job.requests.stop.load();
  if (job.saver != nullptr) mine.saving = {job.saver->tell()};
}

/// Of the samples that were read; none: not a number. Lanes divide by what they should have had, as
/// gradients want it.
double mean_over_samples(const StepStats& all, const Lanes& lanes) {
  const double mean = std::accumulate(all.loss.begin(), all.loss.end(), 0.0) / lanes.total;
  if (all.bad.empty()) return mean;
  return mean * static_cast<double>(all.nominal) / static_cast<double>(all.samples);
}

/// Leaves weights, moments and statistics as they were before the step.
void skip_update(TrainContext& run, double loss) {
  run.state.statistics.begin_lane();
  run.state.scaler.skip(run.precision, run.state.step + 1, loss);
}

void update(TrainContext& run,
            const at::Tensor& owned_gradient,
            const StepScale& scale,
            double learning_rate) {
  TrainState& state = run.state;
  state.optimizer.step(
      state.parameters.values(), owned_gradient, scale, learning_rate, state.updates() + 1);
  state.average.add(state.parameters.values(), state.statistics.values(), state.updates() + 1);
  ArrivingValues mine(run.exchange, state.parameters.layout());
  ArrivingValues& values = run.arriving != nullptr ? *run.arriving : mine;
  values.start();
  if (run.arriving == nullptr) values.wait_for_all();
}

}  // namespace

StepOutcome train_step(TrainStep& job, double learning_rate) {
  TrainContext& run = job.run;
  TrainState& state = run.state;
  StepOutcome outcome;
  outcome.loss_scale = state.scaler.scale_in(run.precision);
  const double to_mean = 1.0 / (run.lanes.total * outcome.loss_scale);
  LaneReadings readings;
  StepStats mine = run_lanes(job, outcome.loss_scale, readings);
  const at::Tensor owned_gradient = run.exchange.reduce();
  const at::Tensor square_sums =
      readings.read_into(mine, state.optimizer.square_sums(owned_gradient, to_mean), job.board);
  add_news(job, mine);
  // Behind it all ranks have left reduce(): nobody reads this rank's gradients any more.
  outcome.facts = all_gather(mine, run.communicator);
  outcome.loss = mean_over_samples(outcome.facts, run.lanes);
  outcome.grad_norm = state.optimizer.global_norm(square_sums, run.communicator);
  outcome.skipped = !std::isfinite(outcome.grad_norm);
  if (outcome.skipped) {
    skip_update(run, outcome.loss);
  } else {
    state.scaler.count_good(run.precision);
    finish_statistics(run);
    update(run, owned_gradient, {to_mean, outcome.grad_norm}, learning_rate);
  }
  ++state.step;
  return outcome;
}

}  // namespace larkspur::pipeline
