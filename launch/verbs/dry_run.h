// SPDX-License-Identifier: Apache-2.0
// `train --dry-run`: everything that a training does before its first step, and a few steps, with
// nothing written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/verbs/train_job.h"
#include "pipeline/metrics.h"

namespace larkspur::launch {

/// What a rank's training needs, bytes; the rank with most lanes. Counted, not measured: the
/// program itself, the decoder and what an allocator rounds up come on top.
struct MemoryEstimate {
  std::int64_t weights = 0;    ///< and as much for gradients, each flat and whole on every rank
  std::int64_t exchange = 0;   ///< sums of gradients on their way
  std::int64_t optimiser = 0;  ///< both moments of what the rank owns
  std::int64_t kept = 0;       ///< of the samples of a lane for their backward pass, as float32; of
                               ///< all lanes where BatchNorm is synchronised
  std::int64_t read_ahead = 0;  ///< batches that wait for their step

  std::int64_t total() const { return 2 * weights + exchange + optimiser + kept + read_ahead; }
};

/// For a configuration whose model.classes is known. `parameters`: trained values of the network.
MemoryEstimate memory_estimate(const RunConfig& config, std::int64_t parameters, int ranks);

/// What steps that were run say of those to come. At least one step.
struct StepForecast {
  double first_seconds = 0.0;  ///< of the first step, which also takes its memory
  double seconds = 0.0;        ///< the middle one of the others; of a single step, that
  double wait_seconds = 0.0;   ///< for data, in that step
};

StepForecast forecast(const std::vector<pipeline::StepMetrics>& steps, std::int64_t global_batch);

/// "812 B", "4.9 MiB", "12.0 GiB".
std::string bytes_text(std::int64_t bytes);

/// Prints configuration, list and memory, then runs steps for five seconds, two at least, and
/// prints what they took and when the last one would be done. Exit codes are those of a training.
void run_dry(Invocation& call, const TrainRequest& request);

}  // namespace larkspur::launch
