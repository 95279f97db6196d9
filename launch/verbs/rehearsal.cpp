// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/rehearsal.h"

#include <algorithm>
#include <chrono>

#include "distributed/tree_exchange.h"
#include "launch/run/assemble.h"
#include "pipeline/all_or_none.h"
#include "pipeline/error.h"

namespace larkspur::launch {
namespace {

/// Rank 0's clock: keeps what each step took, and asks for the end once it knows enough.
class StepKeeper : public pipeline::MetricSink {
 public:
  StepKeeper(const pipeline::Requests& outside, const RehearsalLimits& limits)
      : outside_(outside), limits_(limits) {}

  void step(const pipeline::StepMetrics& metrics) override {
    steps.push_back(metrics);
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
    const bool is_enough = limits_.is_enough && limits_.is_enough(metrics);
    // Taken by the next step, on every rank.
    if (passed.count() >= limits_.seconds || is_enough || outside_.stop) requests.stop = true;
  }

  std::vector<pipeline::StepMetrics> steps;
  pipeline::Requests requests;

 private:
  const pipeline::Requests& outside_;
  const RehearsalLimits& limits_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// Whether any rank was asked to stop.
bool is_stop_asked(const pipeline::Requests& requests, pipeline::Communicator& communicator) {
  const auto told =
      pipeline::all_or_none(communicator, [&] { return std::string(requests.stop ? "stop" : ""); });
  return std::ranges::any_of(told, [](const std::string& word) { return !word.empty(); });
}

}  // namespace

std::vector<pipeline::StepMetrics> rehearse(const PreparedTraining& prepared,
                                            RankJob& job,
                                            pipeline::TrainState& state,
                                            const pipeline::Requests& requests,
                                            const RehearsalLimits& limits) {
  pipeline::Communicator& communicator = job.communicator();
  job.set_deadline(prepared.config.train.deadline_seconds + kVerdictComesFirst);
  distributed::TreeExchange exchange(
      job.tensor_group(prepared.device),
      state.parameters,
      pipeline::lanes_of_rank(
          communicator.rank(), communicator.size(), prepared.config.train.lanes));
  pipeline::TrainOptions options = train_options(prepared.config);
  const std::int64_t last = options.stop_after_steps;
  options.stop_after_steps = state.step + limits.most_steps;
  options.sweep = limits.sweep;
  options.precise_norm_samples = 0;  // an epoch's end is not what is timed
  if (limits.beyond_epochs) options.epochs += limits.most_steps;
  if (last > 0 && !limits.beyond_epochs)
    options.stop_after_steps = std::min(options.stop_after_steps, last);
  StepKeeper keeper(requests, limits);
  pipeline::TrainParts parts{{*prepared.network, state, exchange, communicator},
                             *prepared.data.source,
                             keeper,
                             keeper.requests,
                             nullptr,
                             [] {}};
  pipeline::train(options, parts);
  if (is_stop_asked(requests, communicator)) {
    throw pipeline::Error(pipeline::Errc::kCancelled,
                          "stopped on request while steps were timed, nothing was written");
  }
  return keeper.steps;
}

}  // namespace larkspur::launch
