// SPDX-License-Identifier: Apache-2.0
// Forward and backward of a rank's lanes in a step: one after another, or side by side where
// BatchNorm sees all of them.
#pragma once

#include "pipeline/train/lane_readings.h"
#include "pipeline/train/step_stats.h"
#include "pipeline/train/train_step.h"

namespace larkspur::pipeline {

/// Every lane once, its loss times `scale` in backward: its gradients are in the exchange when this
/// returns, in lane order, and what the host knows of the lanes is returned; what the device knows
/// is added to `readings`. A lane without a readable sample gives no gradient. With
/// job.run.lockstep a collective call.
StepStats run_lanes(TrainStep& job, double scale, LaneReadings& readings);

/// Running statistics become the mean over what the lanes of the job left in run_lanes(); lanes
/// that are normalised together left one thing, which one rank tells. A collective call.
void finish_statistics(TrainContext& run);

}  // namespace larkspur::pipeline
