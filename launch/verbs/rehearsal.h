// SPDX-License-Identifier: Apache-2.0
// The first steps of a training, to see what they take: the loop itself, with nothing written.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "launch/verbs/train_job.h"
#include "pipeline/metrics.h"
#include "pipeline/train/requests.h"
#include "pipeline/train/schedule.h"

namespace larkspur::launch {

/// When it ends: after so many seconds or steps, or once it is enough, whichever comes first.
struct RehearsalLimits {
  double seconds = 5.0;         ///< rank 0's
  std::int64_t most_steps = 1;  ///< > 0
  bool beyond_epochs = false;   ///< goes on past the training's last epoch, and past
                                ///< train.stop_after_steps
  pipeline::RateSweep sweep{};  ///< in place of the training's rates, where it is on
  std::function<bool(const pipeline::StepMetrics&)> is_enough{};  ///< rank 0's, behind each step
};

/// Steps from the state's own on, which it changes, the network too. On rank 0 what each step
/// took; empty elsewhere. A stop in any rank's `requests`, which if it is rank 0's ends it early,
/// is kCancelled on all of them: too few steps may have been timed. Waits for other ranks are from
/// now on as long as train.deadline_seconds has them. Throws what a training throws. A collective
/// call.
std::vector<pipeline::StepMetrics> rehearse(const PreparedTraining& prepared,
                                            RankJob& job,
                                            pipeline::TrainState& state,
                                            const pipeline::Requests& requests,
                                            const RehearsalLimits& limits);

}  // namespace larkspur::launch
