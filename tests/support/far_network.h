// SPDX-License-Identifier: Apache-2.0
// A network far from where training begins: every weight, bias and statistic is a keyed draw, of a
// size that lets the input through to the logits and no term vanish.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "model3d/network.h"

namespace larkspur::testing {

/// Running means in [-2, 2], variances log-uniform in [0.05, 20], norms 1 +- 0.5 with biases up to
/// 0.5, GRN 0.25 +- 0.5 and up to 0.25, layer scales 0.125 +- 0.0625, dense weights uniform with
/// the deviation 1 / sqrt(fan). A pure function of the entries' names and shapes.
void move_far(const model3d::Network& network);

/// Every entry as float64, in place: the same network computes in float64 from then on.
void widen(const model3d::Network& network);

/// [shape] float32 noise in [-1, 1) of that name.
at::Tensor far_input(const std::string& name, const std::vector<std::int64_t>& shape);

}  // namespace larkspur::testing
