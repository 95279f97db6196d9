// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train_step.h"

#include <chrono>
#include <cmath>
#include <numeric>

#include "pipeline/lanes_together.h"
#include "pipeline/loss.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

void note_batch(StepFacts& facts, const Batch& batch) {
  facts.samples += batch.size();
  facts.bad.insert(facts.bad.end(), batch.bad.begin(), batch.bad.end());
}

std::int64_t count_correct(const at::Tensor& logits_NK, const Batch& batch) {
  return logits_NK.argmax(1).eq(batch.labels).sum().item<std::int64_t>();
}

/// Forward and backward of one lane; a lane without a readable sample gives no gradient.
double run_lane(TrainStep& job, const Batch& batch, StepFacts& facts) {
  if (batch.size() == 0) return 0.0;
  PrecisionScope scope(job.precision, batch.labels.device());
  const at::Tensor logits_NK = job.classifier.forward(batch);
  const at::Tensor loss = lane_loss(logits_NK, batch, job.label_smoothing);
  scope.end();
  loss.backward();
  facts.correct += count_correct(logits_NK, batch);
  return loss.item<double>();
}

/// Lane after lane, each normalised by itself; a bucket goes out while backward still runs.
void run_in_turn(TrainStep& job, StepFacts& mine) {
  TrainState& state = job.state;
  for (int lane = job.lanes.first; lane < job.lanes.first + job.lanes.count; ++lane) {
    const Batch batch = on_device(job.next_batch(), state.parameters.values().device());
    state.statistics.begin_lane();
    state.parameters.begin_lane();
    state.parameters.on_bucket_ready([&](int bucket) { job.exchange.lane_done(lane, bucket); });
    mine.loss.push_back(run_lane(job, batch, mine));
    state.parameters.finish_lane();
    state.statistics.end_lane(mine.statistics);
    note_batch(mine, batch);
  }
}

/// All lanes side by side, normalised together; buckets go out after backward, in the same order.
void run_together(TrainStep& job, StepFacts& mine) {
  const at::Tensor& gradients = job.state.parameters.gradients();
  std::vector<Batch> batches;
  std::vector<bool> takes_part;
  for (int index = 0; index < job.lanes.count; ++index) {
    batches.push_back(on_device(job.next_batch(), gradients.device()));
    takes_part.push_back(batches.back().size() > 0);
  }
  PrecisionScope scope(job.precision, gradients.device());
  const std::vector<at::Tensor> losses =
      job.together->forward(takes_part, [&](int index, Classifier& network) {
        const Batch& batch = batches[static_cast<std::size_t>(index)];
        const at::Tensor logits_NK = network.forward(batch);
        mine.correct += count_correct(logits_NK, batch);
        return lane_loss(logits_NK, batch, job.label_smoothing);
      });
  scope.end();
  job.together->backward(losses);
  if (job.together->speaks()) job.state.statistics.end_lane(mine.statistics);
  for (int index = 0; index < job.lanes.count; ++index) {
    const at::Tensor& loss = losses[static_cast<std::size_t>(index)];
    mine.loss.push_back(loss.defined() ? loss.item<double>() : 0.0);
    note_batch(mine, batches[static_cast<std::size_t>(index)]);
    gradients.copy_(job.together->gradients(index));
    for (int bucket = 0; bucket < job.state.parameters.layout().bucket_count(); ++bucket) {
      job.exchange.lane_done(job.lanes.first + index, bucket);
    }
  }
}

}  // namespace

StepOutcome train_step(TrainStep& job, double learning_rate) {
  TrainState& state = job.state;
  StepFacts mine;
  state.statistics.begin_step();
  (job.together != nullptr ? run_together : run_in_turn)(job, mine);

  StepOutcome outcome;
  const auto reduce_start = std::chrono::steady_clock::now();
  const at::Tensor owned_gradient = job.exchange.reduce();
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - reduce_start;
  outcome.reduce_seconds = waited.count();
  mine.checkpoint_requested = job.requests.checkpoint.exchange(false);
  mine.stop_requested = job.requests.stop.load();
  outcome.facts = share(mine, job.peers);
  const std::vector<double>& losses = outcome.facts.loss;
  outcome.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / job.lanes.total;

  const double mean = 1.0 / job.lanes.total;
  outcome.grad_norm = state.optimizer.global_norm(owned_gradient, mean, job.peers);
  if (!std::isfinite(outcome.grad_norm)) state.statistics.begin_lane();  // as before the step
  require(std::isfinite(outcome.grad_norm),
          Errc::kInvalidArgument,
          "the gradient of step ",
          state.step + 1,
          " is not finite (loss ",
          outcome.loss,
          "): lower train.learning_rate or set train.clip_norm");
  state.statistics.finish_step(outcome.facts.statistics);
  state.optimizer.step(state.parameters.values(),
                       owned_gradient,
                       {mean, outcome.grad_norm},
                       learning_rate,
                       ++state.step);
  job.exchange.gather();
  return outcome;
}

}  // namespace larkspur::pipeline
