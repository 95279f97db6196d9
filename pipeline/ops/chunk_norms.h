// SPDX-License-Identifier: Apache-2.0
// Sums of squares by chunk, through torch's dispatcher: larkspur::chunk_square_sums on CPU and
// CUDA.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// double [elements / kChunkElements] on the gradient's device: for each chunk the sum of
/// (gradient * scale)^2 in double, in a fixed order. gradient: float32, contiguous, whole chunks.
/// Throws kInvalidArgument otherwise.
at::Tensor chunk_square_sums(const at::Tensor& gradient, double scale);

}  // namespace larkspur::pipeline
