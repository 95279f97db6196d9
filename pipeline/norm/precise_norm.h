// SPDX-License-Identifier: Apache-2.0
// Running statistics measured afresh with the weights of the moment: "precise" BatchNorm.
//
//   mean     = E[mean of a lane]
//   variance = E[variance of a lane + (mean of a lane)^2] - mean^2, times n / (n - 1)
//
// over all lanes of some batches, weighted by their values, which is the mean and the unbiased
// variance of all values together (Wu and Johnson 2021, arXiv 2105.07576, section 3: PreciseBN).
// Each norm sees what it sees in training, but every residual branch is taken, as in evaluation.
// Running averages lag behind the weights, and over small lanes they miss what lanes differ by.
#pragma once

#include <cstdint>
#include <functional>

#include "pipeline/batch.h"
#include "pipeline/state/train_context.h"

namespace larkspur::pipeline {

/// What is measured with. References outlive the call.
struct NormMeasurement {
  TrainContext& run;         ///< its classifier in training mode
  std::int64_t batches = 1;  ///< global batches, > 0
  std::function<Batch()>
      next_batch;  ///< my lanes of the first batch, of the next, ... in host memory
};

/// Replaces the statistics in job.run.state; nothing else changes. The same bits on any number of
/// ranks. Samples that cannot be read are left out; with none at all, or where an
/// activation is not finite, the statistics stay. A collective call.
void measure_norms(NormMeasurement& job);

}  // namespace larkspur::pipeline
