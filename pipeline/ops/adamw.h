// SPDX-License-Identifier: Apache-2.0
// One AdamW step on all parts of flat tensors, through torch's dispatcher: larkspur::adamw_ on CPU
// and CUDA, there as one launch.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/ops/adamw_kernels.h"

namespace larkspur::pipeline {

/// Flat tensors of a step: float32, contiguous, on one device.
struct AdamWTensors {
  at::Tensor value;    ///< updated where a piece says
  at::Tensor moment1;  ///< updated; packed, as moment2 and the gradient are
  at::Tensor moment2;
  at::Tensor gradient;
};

/// A table of pieces for adamw_, on `device`: made once, for it is read in every step.
at::Tensor adamw_table(const std::vector<AdamWPiece>& pieces, at::Device device);

/// Updates what the table's pieces say, each by the rates of its group. Throws kInvalidArgument for
/// more groups than kAdamWMostGroups. Without the CUDA library a CUDA tensor gets the dispatcher's
/// own error.
void adamw_(const AdamWTensors& tensors,
            const at::Tensor& table,
            const AdamWScalars& scalars,
            const std::vector<AdamWRates>& rates);

}  // namespace larkspur::pipeline
