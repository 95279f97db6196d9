// SPDX-License-Identifier: Apache-2.0
// Where a layer goes through an op of model3d/ops and where through the library: one rule.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// The ops take a layer whose map and weights are float32 on the CPU, outside autocast or under
/// that to bfloat16, which rounds the factors of their products alone. Layers in other types and on
/// other devices are the library's, and what the ops are checked against.
bool cpu_ops_take(const at::Tensor& x, const at::Tensor& weight);

}  // namespace larkspur::model3d
