// SPDX-License-Identifier: Apache-2.0
// Registers the CUDA twin; part of liblarkspur_cuda.so only.
#include <algorithm>

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "model3d/kernels/cuda_tensors.h"
#include "model3d/ops/running_moments/running_moments_kernels.h"

namespace larkspur::model3d {
namespace {

void step_running_on_cuda(at::TensorList running,
                          at::TensorList batch,
                          at::ArrayRef<double> shares,
                          double keep) {
  const c10::DeviceGuard guard(running[0].device());
  for (std::size_t first = 0; first < running.size(); first += kMostRunning) {
    RunningVectors all{};
    const std::size_t last = std::min<std::size_t>(running.size(), first + kMostRunning);
    for (std::size_t i = first; i < last; ++i) {
      all.at[all.count++] = {out<float>(running[i]),
                             in<float>(batch[i]),
                             static_cast<int>(running[i].numel()),
                             static_cast<float>(shares[i])};
    }
    step_running_moments_cuda(all, static_cast<float>(keep), stream_of(running[0]));
  }
}

}  // namespace

void add_running_moments_on_cuda(torch::Library& library) {
  library.impl("step_running_moments_", &step_running_on_cuda);
}

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { add_running_moments_on_cuda(library); }

}  // namespace larkspur::model3d
