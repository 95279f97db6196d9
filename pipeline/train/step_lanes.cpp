// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/step_lanes.h"

#include "pipeline/norm/lockstep_lanes.h"
#include "pipeline/placement.h"
#include "pipeline/train/loss.h"

namespace larkspur::pipeline {
namespace {

/// What backward starts from.
at::Tensor scaled(const at::Tensor& loss, double scale) {
  return scale == 1.0 || !loss.defined() ? loss : loss.mul(scale);
}

/// Forward and backward of one lane; a lane without a readable sample gives no gradient.
double run_lane(TrainStep& job, const Batch& batch, double scale, StepStats& facts) {
  if (batch.size() == 0) return 0.0;
  PrecisionScope scope(job.run.precision, batch.labels.device());
  const at::Tensor logits_NK = job.run.classifier.forward(batch);
  const at::Tensor loss = lane_loss(logits_NK, batch, job.label_smoothing);
  scope.end();
  scaled(loss, scale).backward();
  facts.correct += count_correct(logits_NK, batch);
  return loss.item<double>();
}

/// Every lane as if it were alone: its gradients go into the exchange bucket by bucket while
/// backward runs.
void run_in_turn(TrainStep& job, double scale, StepStats& mine) {
  TrainContext& run = job.run;
  TrainState& state = run.state;
  for (int lane = run.lanes.first; lane < run.lanes.first + run.lanes.count; ++lane) {
    const Batch batch = on_device(job.next_batch(), state.parameters.values().device());
    state.statistics.begin_lane();
    state.parameters.begin_lane();
    state.parameters.on_bucket_ready([&](int bucket) { run.exchange.lane_done(lane, bucket); });
    mine.loss.push_back(run_lane(job, batch, scale, mine));
    state.parameters.finish_lane();
    state.statistics.end_lane(mine.statistics);
    mine.add(batch);
  }
}

/// All buckets go out after backward: in it, ranks with one lane and with several would issue them
/// in different orders between the rounds of the norms.
void run_lockstep(TrainStep& job, double scale, StepStats& mine) {
  TrainContext& run = job.run;
  const at::Tensor& gradients = run.state.parameters.gradients();
  std::vector<Batch> batches;
  std::vector<bool> takes_part;
  for (int index = 0; index < run.lanes.count; ++index) {
    batches.push_back(on_device(job.next_batch(), gradients.device()));
    takes_part.push_back(batches.back().size() > 0);
    mine.add(batches.back());
  }
  PrecisionScope scope(run.precision, gradients.device());
  const auto losses = run.lockstep->forward(takes_part, [&](int index, Classifier& network) {
    const Batch& batch = batches[static_cast<std::size_t>(index)];
    const at::Tensor logits_NK = network.forward(batch);
    mine.correct += count_correct(logits_NK, batch);
    return lane_loss(logits_NK, batch, job.label_smoothing);
  });
  scope.end();
  std::vector<at::Tensor> roots;
  for (const at::Tensor& loss : losses) roots.push_back(scaled(loss, scale));
  run.lockstep->backward(roots);
  if (run.lockstep->reports()) run.state.statistics.end_lane(mine.statistics);
  for (int index = 0; index < run.lanes.count; ++index) {
    const at::Tensor& loss = losses[static_cast<std::size_t>(index)];
    mine.loss.push_back(loss.defined() ? loss.item<double>() : 0.0);
    gradients.copy_(run.lockstep->gradients(index));
    for (int bucket = 0; bucket < run.state.parameters.layout().bucket_count(); ++bucket) {
      run.exchange.lane_done(run.lanes.first + index, bucket);
    }
  }
}

}  // namespace

StepStats run_lanes(TrainStep& job, double scale) {
  StepStats mine;
  job.run.state.statistics.begin_step();
  if (job.run.lockstep != nullptr) {
    run_lockstep(job, scale, mine);
  } else {
    run_in_turn(job, scale, mine);
  }
  return mine;
}

}  // namespace larkspur::pipeline
