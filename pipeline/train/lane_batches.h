// SPDX-License-Identifier: Apache-2.0
// Which samples the steps of a training are made of, lane by lane.
#pragma once

#include <cstdint>

#include "pipeline/data/epoch_order.h"
#include "pipeline/data/prefetcher.h"
#include "pipeline/lanes.h"
#include "pipeline/train/trainer.h"

namespace larkspur::pipeline {

/// Of a list of so many samples; its steps_per_epoch() are 0 where a step needs more.
StepShape shape_of(const TrainOptions& options, std::int64_t samples);

/// The same. Throws kInvalidArgument for fewer samples than a step has.
StepShape step_shape(const TrainOptions& options, std::int64_t samples);

/// Batch k of a rank: its lanes of step first_step (from 0), then of the next step, and so on.
BatchRequest lane_batches(const TrainOptions& options,
                          const StepShape& shape,
                          const Lanes& lanes,
                          std::int64_t first_step);

}  // namespace larkspur::pipeline
