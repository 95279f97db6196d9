// SPDX-License-Identifier: Apache-2.0
// Registers the CUDA twin; part of liblarkspur_cuda.so only.
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "pipeline/ops/adamw_call.h"

namespace larkspur::pipeline {
namespace {

void adamw_on_cuda(const at::Tensor& value,
                   const at::Tensor& moment1,
                   const at::Tensor& moment2,
                   const at::Tensor& gradient,
                   const at::Tensor& table,
                   at::ArrayRef<double> scalars,
                   at::ArrayRef<double> rates) {
  const c10::DeviceGuard guard(value.device());
  adamw_cuda(adamw_call(value, moment1, moment2, gradient, table, scalars, rates),
             c10::cuda::getCurrentCUDAStream(value.device().index()).stream());
}

}  // namespace

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { library.impl("adamw_", &adamw_on_cuda); }

}  // namespace larkspur::pipeline
