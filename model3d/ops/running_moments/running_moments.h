// SPDX-License-Identifier: Apache-2.0
// Running statistics of several BatchNorms, or of all, as one op: on a GPU few launches, not four a
// norm.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// A statistic's step towards the batch's: running = running * keep + batch * share, [C] float32
/// whatever the maps' type is.
struct RunningStep {
  at::Tensor running;  ///< in place
  at::Tensor batch;
  double share;
};

/// All steps. Any number, each of another statistic, on one device; no gradient is recorded.
void step_running_moments(const std::vector<RunningStep>& steps, double keep);

}  // namespace larkspur::model3d
