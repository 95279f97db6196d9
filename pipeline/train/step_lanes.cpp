// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/step_lanes.h"

#include <ATen/ops/full.h>

#include "pipeline/norm/lockstep_lanes.h"
#include "pipeline/placement.h"
#include "pipeline/state/arriving_values.h"
#include "pipeline/train/loss.h"

namespace larkspur::pipeline {
namespace {

/// What backward starts with at the sum of a lane's losses: its loss is that over the nominal size,
/// and counts `scale` times.
at::Tensor slope(const at::Tensor& sum, const Batch& batch, double scale) {
  return at::full({}, scale / static_cast<double>(batch.nominal), sum.options());
}

/// Lets each part of a network use its weights when they have arrived, while it lives.
class Gate {
 public:
  explicit Gate(TrainContext& run) : run_(run) {
    if (run.arriving == nullptr) return;
    run.classifier.set_training_pass(
        {.before_use = [&run](const std::string& part) { run.arriving->wait_for(part); }});
  }
  ~Gate() {
    if (run_.arriving != nullptr) run_.classifier.set_training_pass({});
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

 private:
  TrainContext& run_;
};

/// The next thing after a forward pass is lane_done(), which finds nothing on its way.
void wait_for_all(TrainContext& run) {
  if (run.arriving != nullptr) run.arriving->wait_for_all();
}

/// Forward and backward of one lane; a lane without a readable sample gives no gradient.
void run_lane(TrainStep& job, const Batch& batch, double scale, LaneReadings& readings) {
  if (batch.size() == 0) {
    wait_for_all(job.run);
    return readings.add_nothing();
  }
  PrecisionScope scope(job.run.precision, batch.labels.device());
  const at::Tensor logits_NK = job.run.classifier.forward(batch);
  const at::Tensor sum = sum_of_losses(logits_NK, batch, job.label_smoothing);
  scope.end();
  wait_for_all(job.run);
  sum.backward(slope(sum, batch, scale));
  readings.add(sum, batch.nominal, count_correct(logits_NK.detach(), batch));
}

/// Every lane as if it were alone: its gradients go into the exchange bucket by bucket while
/// backward runs.
void run_in_turn(TrainStep& job, double scale, LaneReadings& readings, StepStats& mine) {
  TrainContext& run = job.run;
  TrainState& state = run.state;
  const Gate gate(run);
  for (int lane = run.lanes.first; lane < run.lanes.first + run.lanes.count; ++lane) {
    const Batch batch = on_device(job.next_batch(), state.parameters.values().device());
    state.statistics.begin_lane();
    state.parameters.begin_lane();
    state.parameters.on_bucket_ready([&](int bucket) { run.exchange.lane_done(lane, bucket); });
    run_lane(job, batch, scale, readings);
    state.parameters.finish_lane();
    state.statistics.end_lane();
    mine.add(batch);
  }
}

/// All buckets go out after backward: in it, ranks with one lane and with several would issue them
/// in different orders between the rounds of the norms.
void run_lockstep(TrainStep& job, double scale, LaneReadings& readings, StepStats& mine) {
  TrainContext& run = job.run;
  const at::Tensor& gradients = run.state.parameters.gradients();
  wait_for_all(run);  // the passes of the lanes are the norms' own
  std::vector<Batch> batches;
  std::vector<bool> takes_part;
  for (int index = 0; index < run.lanes.count; ++index) {
    batches.push_back(on_device(job.next_batch(), gradients.device()));
    takes_part.push_back(batches.back().size() > 0);
    mine.add(batches.back());
  }
  PrecisionScope scope(run.precision, gradients.device());
  std::vector<at::Tensor> correct(batches.size());
  const auto sums = run.lockstep->forward(takes_part, [&](int index, Classifier& network) {
    const Batch& batch = batches[static_cast<std::size_t>(index)];
    const at::Tensor logits_NK = network.forward(batch);
    correct[static_cast<std::size_t>(index)] = count_correct(logits_NK.detach(), batch);
    return sum_of_losses(logits_NK, batch, job.label_smoothing);
  });
  scope.end();
  std::vector<at::Tensor> slopes(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (sums[i].defined()) slopes[i] = slope(sums[i], batches[i], scale);
  }
  run.lockstep->backward(sums, slopes);
  if (run.lockstep->reporter() == run.communicator.rank()) run.state.statistics.end_lane();
  for (int index = 0; index < run.lanes.count; ++index) {
    const auto i = static_cast<std::size_t>(index);
    if (sums[i].defined()) {
      readings.add(sums[i], batches[i].nominal, correct[i]);
    } else {
      readings.add_nothing();
    }
    gradients.copy_(run.lockstep->gradients(index));
    for (int bucket = 0; bucket < run.state.parameters.layout().bucket_count(); ++bucket) {
      run.exchange.lane_done(run.lanes.first + index, bucket);
    }
  }
}

}  // namespace

StepStats run_lanes(TrainStep& job, double scale, LaneReadings& readings) {
  StepStats mine;
  job.run.state.statistics.begin_step();
  if (job.run.lockstep != nullptr) {
    run_lockstep(job, scale, readings, mine);
  } else {
    run_in_turn(job, scale, readings, mine);
  }
  return mine;
}

void finish_statistics(TrainContext& run) {
  LaneStatistics& statistics = run.state.statistics;
  if (statistics.elements() == 0) return;
  std::vector<int> rows;
  for (int rank = 0; rank < run.communicator.size(); ++rank) {
    rows.push_back(run.lockstep == nullptr
                       ? lanes_of_rank(rank, run.communicator.size(), run.lanes.total).count
                       : static_cast<int>(rank == run.lockstep->reporter()));
  }
  statistics.finish_step(run.exchange.mean_of_rows(statistics.lanes(), rows));
}

}  // namespace larkspur::pipeline
