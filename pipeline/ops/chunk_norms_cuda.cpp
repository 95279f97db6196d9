// SPDX-License-Identifier: Apache-2.0
// Registers the CUDA twin; part of liblarkspur_cuda.so only.
#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "pipeline/ops/chunk_norms_kernels.h"

namespace larkspur::pipeline {
namespace {

void sums_on_cuda(const at::Tensor& sums, const at::Tensor& gradient, double scale) {
  const c10::DeviceGuard guard(gradient.device());
  chunk_square_sums_cuda(sums.mutable_data_ptr<double>(),
                         gradient.const_data_ptr<float>(),
                         gradient.numel(),
                         scale,
                         c10::cuda::getCurrentCUDAStream(gradient.device().index()).stream());
}

}  // namespace

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { library.impl("chunk_square_sums_", &sums_on_cuda); }

}  // namespace larkspur::pipeline
