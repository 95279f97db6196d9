// SPDX-License-Identifier: Apache-2.0
// The learning rate as a function of the step: linear warm-up, then half a cosine; or, to find out
// which one to take, one that only grows.
#pragma once

#include <cstdint>

namespace larkspur::pipeline {

/// Rates that grow by the same factor from step to step, as a range test wants them (Smith 2017,
/// arXiv 1506.01186, section 3.3, where they grow evenly). Off: no steps.
struct RateSweep {
  double lowest = 0.0;     ///< of step 0, > 0
  double highest = 0.0;    ///< of the last step and those behind it, >= lowest
  std::int64_t steps = 0;  ///< 0, or >= 2

  double at(std::int64_t step) const;
};

/// A plain value. Rates are >= 0; steps count from 0.
struct LearningRateSchedule {
  double peak = 1e-3;
  double floor = 0.0;             ///< rate after the last step, <= peak
  std::int64_t warmup_steps = 0;  ///< linear from peak / warmup_steps; <= total_steps
  std::int64_t total_steps = 1;   ///< > 0; later steps stay at the floor

  RateSweep sweep{};  ///< in place of all that, where it is on

  /// Rate of step `step`: Loshchilov and Hutter 2017 (SGDR), eq. 5 without restarts.
  double at(std::int64_t step) const;
};

}  // namespace larkspur::pipeline
