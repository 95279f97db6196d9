// SPDX-License-Identifier: Apache-2.0
// The learning rate as a function of the step: linear warm-up, then half a cosine.
#pragma once

#include <cstdint>

namespace larkspur::pipeline {

/// A plain value. Rates are >= 0; steps count from 0.
struct LearningRateSchedule {
  double peak = 1e-3;
  double floor = 0.0;             ///< rate after the last step, <= peak
  std::int64_t warmup_steps = 0;  ///< linear from peak / warmup_steps; <= total_steps
  std::int64_t total_steps = 1;   ///< > 0; later steps stay at the floor

  /// Rate of step `step`: Loshchilov and Hutter 2017 (SGDR), eq. 5 without restarts.
  double at(std::int64_t step) const;
};

}  // namespace larkspur::pipeline
