// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/cpu_ops.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "model3d/kernels/autocast.h"

namespace larkspur::model3d {
namespace {

thread_local bool as_on_gpu = false;

bool is_float(const at::Tensor& tensor) { return tensor.scalar_type() == at::kFloat; }

bool is_of_16_bits(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kBFloat16 || tensor.scalar_type() == at::kHalf;
}

/// But for x's type.
bool is_weighted_map(const at::Tensor& x, const at::Tensor& weight) {
  return x.numel() > 0 && is_float(weight) && x.device() == weight.device();
}

/// All twins are registered by one library.
bool has_twins() {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("larkspur::channel_mixer", "");
  return op.hasKernelForDispatchKey(c10::DispatchKey::CUDA);
}

bool is_on_gpu(const at::Tensor& x) { return as_on_gpu ? x.is_cpu() : x.is_cuda() && has_twins(); }

}  // namespace

bool cpu_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  return !as_on_gpu && x.is_cpu() && is_float(x) && is_weighted_map(x, weight) &&
         !autocast_is_foreign();
}

bool gpu_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  return is_on_gpu(x) && is_float(x) && is_weighted_map(x, weight);
}

bool twin_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  return cpu_ops_take(x, weight) || gpu_ops_take(x, weight);
}

bool norm_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  const bool reads_16_bits = is_of_16_bits(x) && is_on_gpu(x) && is_weighted_map(x, weight);
  return reads_16_bits || twin_ops_take(x, weight);
}

at::Tensor twin_map(const at::Tensor& x) {
  const c10::DeviceType device = x.device().type();
  if (!is_on_gpu(x) || !at::autocast::is_autocast_enabled(device)) return x;
  return x.to(at::autocast::get_autocast_dtype(device));
}

LayersAsOnGpu::LayersAsOnGpu() { as_on_gpu = true; }

LayersAsOnGpu::~LayersAsOnGpu() { as_on_gpu = false; }

}  // namespace larkspur::model3d
