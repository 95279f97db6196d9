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
  PrecisionScope scope(job.precision, batch.labels.device());
  const at::Tensor logits_NK = job.classifier.forward(batch);
  const at::Tensor loss = lane_loss(logits_NK, batch, job.label_smoothing);
  scope.end();
  scaled(loss, scale).backward();
  facts.correct += count_correct(logits_NK, batch);
  return loss.item<double>();
}

}  // namespace

void run_in_turn(TrainStep& job, double scale, StepStats& mine) {
  TrainState& state = job.state;
  for (int lane = job.lanes.first; lane < job.lanes.first + job.lanes.count; ++lane) {
    const Batch batch = on_device(job.next_batch(), state.parameters.values().device());
    state.statistics.begin_lane();
    state.parameters.begin_lane();
    state.parameters.on_bucket_ready([&](int bucket) { job.exchange.lane_done(lane, bucket); });
    mine.loss.push_back(run_lane(job, batch, scale, mine));
    state.parameters.finish_lane();
    state.statistics.end_lane(mine.statistics);
    mine.add(batch);
  }
}

void run_together(TrainStep& job, double scale, StepStats& mine) {
  const at::Tensor& gradients = job.state.parameters.gradients();
  std::vector<Batch> batches;
  std::vector<bool> takes_part;
  for (int index = 0; index < job.lanes.count; ++index) {
    batches.push_back(on_device(job.next_batch(), gradients.device()));
    takes_part.push_back(batches.back().size() > 0);
    mine.add(batches.back());
  }
  PrecisionScope scope(job.precision, gradients.device());
  const auto losses = job.together->forward(takes_part, [&](int index, Classifier& network) {
    const Batch& batch = batches[static_cast<std::size_t>(index)];
    const at::Tensor logits_NK = network.forward(batch);
    mine.correct += count_correct(logits_NK, batch);
    return lane_loss(logits_NK, batch, job.label_smoothing);
  });
  scope.end();
  std::vector<at::Tensor> roots;
  for (const at::Tensor& loss : losses) roots.push_back(scaled(loss, scale));
  job.together->backward(roots);
  if (job.together->reports()) job.state.statistics.end_lane(mine.statistics);
  for (int index = 0; index < job.lanes.count; ++index) {
    const at::Tensor& loss = losses[static_cast<std::size_t>(index)];
    mine.loss.push_back(loss.defined() ? loss.item<double>() : 0.0);
    gradients.copy_(job.together->gradients(index));
    for (int bucket = 0; bucket < job.state.parameters.layout().bucket_count(); ++bucket) {
      job.exchange.lane_done(job.lanes.first + index, bucket);
    }
  }
}

}  // namespace larkspur::pipeline
