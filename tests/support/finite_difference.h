// SPDX-License-Identifier: Apache-2.0
// Checks gradients against central differences along one random direction.
//
//   <gradient, d>  =  (loss(p + h d) - loss(p - h d)) / 2h  + O(h^2)
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::testing {

/// `leaves` are float64, require gradients and are what `loss` (a float64 scalar) is computed from;
/// they are back at their values afterwards. The direction is the same at every call, and as large
/// in each leaf as the leaf's values.
void expect_directional_derivative(const std::vector<at::Tensor>& leaves,
                                   const std::function<at::Tensor()>& loss);

}  // namespace larkspur::testing
