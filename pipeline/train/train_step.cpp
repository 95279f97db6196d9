// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/train_step.h"

#include <chrono>
#include <cmath>
#include <numeric>

#include "pipeline/train/step_lanes.h"

namespace larkspur::pipeline {

StepOutcome train_step(TrainStep& job, double learning_rate) {
  TrainState& state = job.state;
  StepStats mine;
  StepOutcome outcome;
  outcome.loss_scale = state.scaler.scale_in(job.precision);
  state.statistics.begin_step();
  if (job.together != nullptr) {
    run_together(job, outcome.loss_scale, mine);
  } else {
    run_in_turn(job, outcome.loss_scale, mine);
  }

  const auto reduce_start = std::chrono::steady_clock::now();
  const at::Tensor owned_gradient = job.exchange.reduce();
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - reduce_start;
  outcome.reduce_seconds = waited.count();
  mine.checkpoint_requested = job.requests.checkpoint.exchange(false);
  mine.stop_requested = job.requests.stop.load();
  outcome.facts = all_gather(mine, job.communicator);
  const std::vector<double>& losses = outcome.facts.loss;
  outcome.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / job.lanes.total;

  const double mean = 1.0 / (job.lanes.total * outcome.loss_scale);
  outcome.grad_norm = state.optimizer.global_norm(owned_gradient, mean, job.communicator);
  outcome.skipped = !std::isfinite(outcome.grad_norm);
  if (outcome.skipped) {
    state.statistics.begin_lane();  // as before the step
    state.scaler.skip(job.precision, state.step + 1, outcome.loss);
  } else {
    state.scaler.count_good(job.precision);
    state.statistics.finish_step(outcome.facts.statistics);
    state.optimizer.step(state.parameters.values(),
                         owned_gradient,
                         {mean, outcome.grad_norm},
                         learning_rate,
                         state.updates() + 1);
    job.exchange.gather();
  }
  ++state.step;
  return outcome;
}

}  // namespace larkspur::pipeline
