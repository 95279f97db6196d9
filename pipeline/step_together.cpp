// SPDX-License-Identifier: Apache-2.0
#include "pipeline/step_together.h"

#include "pipeline/lanes_together.h"
#include "pipeline/loss.h"
#include "pipeline/placement.h"

namespace larkspur::pipeline {
namespace {

std::vector<at::Tensor> scaled(std::vector<at::Tensor> losses, double scale) {
  for (at::Tensor& loss : losses) {
    if (loss.defined() && scale != 1.0) loss = loss.mul(scale);
  }
  return losses;
}

}  // namespace

void run_together(TrainStep& job, double scale, StepFacts& mine) {
  const at::Tensor& gradients = job.state.parameters.gradients();
  std::vector<Batch> batches;
  std::vector<bool> takes_part;
  for (int index = 0; index < job.lanes.count; ++index) {
    batches.push_back(on_device(job.next_batch(), gradients.device()));
    takes_part.push_back(batches.back().size() > 0);
    mine.note(batches.back());
  }
  PrecisionScope scope(job.precision, gradients.device());
  const auto losses = job.together->forward(takes_part, [&](int index, Classifier& network) {
    const Batch& batch = batches[static_cast<std::size_t>(index)];
    const at::Tensor logits_NK = network.forward(batch);
    mine.correct += count_correct(logits_NK, batch);
    return lane_loss(logits_NK, batch, job.label_smoothing);
  });
  scope.end();
  job.together->backward(scaled(losses, scale));
  if (job.together->speaks()) job.state.statistics.end_lane(mine.statistics);
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
