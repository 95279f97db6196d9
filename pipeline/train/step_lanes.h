// SPDX-License-Identifier: Apache-2.0
// Forward and backward of a rank's lanes in a step: one after another, or side by side where
// BatchNorm sees all of them.
#pragma once

#include "pipeline/train/step_stats.h"
#include "pipeline/train/train_step.h"

namespace larkspur::pipeline {

/// Every lane as if it were alone, its loss times `scale`: its gradients go into the exchange
/// bucket by bucket while backward runs, what it has to tell into `mine`. A lane without a readable
/// sample gives no gradient.
void run_in_turn(TrainStep& job, double scale, StepStats& mine);

/// Forward and backward of this rank's lanes through job.together, losses times `scale`, every
/// lane's gradient into the exchange in lane order, and into `mine` what the lanes have to tell.
/// All buckets go out after backward: in it, ranks with one lane and with several would issue them
/// in different orders between the rounds of the norms. A collective call.
void run_together(TrainStep& job, double scale, StepStats& mine);

}  // namespace larkspur::pipeline
