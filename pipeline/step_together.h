// SPDX-License-Identifier: Apache-2.0
// The lanes of a step where BatchNorm sees all of them: what the loop over lanes in train_step.cpp
// does, with the lanes side by side.
#pragma once

#include "pipeline/step_facts.h"
#include "pipeline/train_step.h"

namespace larkspur::pipeline {

/// Forward and backward of this rank's lanes through job.together, losses times `scale`, every
/// lane's gradient into the exchange in lane order, and into `mine` what the lanes have to tell.
/// All buckets go out after backward: in it, ranks with one lane and with several would issue them
/// in different orders between the rounds of the norms. A collective call.
void run_together(TrainStep& job, double scale, StepFacts& mine);

}  // namespace larkspur::pipeline
