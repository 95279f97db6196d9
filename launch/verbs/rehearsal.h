// SPDX-License-Identifier: Apache-2.0
// The first steps of a training, to see what they take: the loop itself, with nothing written.
#pragma once

#include <cstdint>
#include <vector>

#include "launch/verbs/train_job.h"
#include "pipeline/metrics.h"
#include "pipeline/train/requests.h"

namespace larkspur::launch {

/// When it ends: after so many seconds or steps, whichever comes first.
struct RehearsalLimits {
  double seconds = 5.0;         ///< rank 0's
  std::int64_t most_steps = 1;  ///< > 0
};

/// Steps from the state's own on, which it changes, the network too. On rank 0 what each step
/// took; empty elsewhere. A stop in rank 0's `requests` ends it early and stays for the caller.
/// Throws what a training throws. A collective call.
std::vector<pipeline::StepMetrics> rehearse(const PreparedTraining& prepared,
                                            RankJob& job,
                                            pipeline::TrainState& state,
                                            const pipeline::Requests& requests,
                                            const RehearsalLimits& limits);

}  // namespace larkspur::launch
