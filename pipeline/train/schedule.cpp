// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace larkspur::pipeline {

double RateSweep::at(std::int64_t step) const {
  const double done = static_cast<double>(step) / static_cast<double>(steps - 1);
  return lowest * std::pow(highest / lowest, std::min(1.0, done));
}

double LearningRateSchedule::at(std::int64_t step) const {
  if (sweep.steps > 0) return sweep.at(step);
  if (step < warmup_steps) {
    return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  }
  const auto decay_steps =
      static_cast<double>(std::max<std::int64_t>(1, total_steps - warmup_steps));
  const double done = std::min(1.0, static_cast<double>(step - warmup_steps) / decay_steps);
  return floor + (peak - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

}  // namespace larkspur::pipeline
