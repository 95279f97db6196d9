// SPDX-License-Identifier: Apache-2.0
// One AdamW step on flat tensors, through torch's dispatcher: larkspur::adamw_ on CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/ops/adamw_kernels.h"

namespace larkspur::pipeline {

/// Updates value, moment1 and moment2 in place. All float32, contiguous, of one length, on one
/// device. Without the CUDA library a CUDA tensor gets the dispatcher's own error.
void adamw_(const at::Tensor& value,
            const at::Tensor& moment1,
            const at::Tensor& moment2,
            const at::Tensor& gradient,
            const AdamWScalars& scalars);

}  // namespace larkspur::pipeline
