// SPDX-License-Identifier: Apache-2.0
// Registers the CUDA twin; part of liblarkspur_cuda.so only.
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "pipeline/ops/adamw.h"

namespace larkspur::pipeline {
namespace {

void adamw_on_cuda(const at::Tensor& value,
                   const at::Tensor& moment1,
                   const at::Tensor& moment2,
                   const at::Tensor& gradient,
                   at::ArrayRef<double> s) {
  const c10::DeviceGuard guard(value.device());
  adamw_cuda(value.data_ptr<float>(),
             moment1.data_ptr<float>(),
             moment2.data_ptr<float>(),
             gradient.data_ptr<float>(),
             value.numel(),
             unpack_adamw_scalars(s.data()),
             c10::cuda::getCurrentCUDAStream(value.device().index()).stream());
}

}  // namespace

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { library.impl("adamw_", &adamw_on_cuda); }

}  // namespace larkspur::pipeline
