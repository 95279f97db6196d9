// SPDX-License-Identifier: Apache-2.0
// Whether numbers are numbers: asked where tensors enter from a file or leave into one.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// Place, in the order of elements, of the first that is infinite or not a number; none where all
/// are finite. Any floating type and device.
std::optional<std::int64_t> first_not_finite(const at::Tensor& values);

}  // namespace larkspur::pipeline
