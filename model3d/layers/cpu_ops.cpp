// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/cpu_ops.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "model3d/kernels/autocast.h"

namespace larkspur::model3d {
namespace {

thread_local bool as_on_gpu = false;

bool is_float(const at::Tensor& x, const at::Tensor& weight) {
  return x.scalar_type() == at::kFloat && x.numel() > 0 && weight.scalar_type() == at::kFloat &&
         x.device() == weight.device();
}

/// All twins are registered by one library.
bool has_twins() {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("larkspur::channel_mixer", "");
  return op.hasKernelForDispatchKey(c10::DispatchKey::CUDA);
}

}  // namespace

bool cpu_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  return !as_on_gpu && x.is_cpu() && is_float(x, weight) && !autocast_is_foreign();
}

bool gpu_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  const bool is_on_gpu = as_on_gpu ? x.is_cpu() : x.is_cuda() && has_twins();
  return is_on_gpu && is_float(x, weight) && !at::autocast::is_autocast_enabled(x.device().type());
}

bool twin_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  return cpu_ops_take(x, weight) || gpu_ops_take(x, weight);
}

LayersAsOnGpu::LayersAsOnGpu() { as_on_gpu = true; }

LayersAsOnGpu::~LayersAsOnGpu() { as_on_gpu = false; }

}  // namespace larkspur::model3d
