// SPDX-License-Identifier: Apache-2.0
// Where a layer goes through an op of model3d/ops and where through the library: one rule.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// Ops of the CPU alone take a layer whose map and weights are float32 on the CPU, outside autocast
/// or under that to bfloat16, which rounds the factors of their products alone. Layers in other
/// types and on other devices are the library's, and what the ops are checked against.
bool cpu_ops_take(const at::Tensor& x, const at::Tensor& weight);

/// Ops on a GPU take a layer whose map and weights are float32, where the CUDA library is loaded;
/// under autocast too: twin_map() is what they read then.
bool gpu_ops_take(const at::Tensor& x, const at::Tensor& weight);

/// Either: for ops that have a twin on each (reparam_depthwise, channel_mixer).
bool twin_ops_take(const at::Tensor& x, const at::Tensor& weight);

/// The same for layer_norm, which reads a map in 16 bits as it is.
bool norm_ops_take(const at::Tensor& x, const at::Tensor& weight);

/// x, taken by an op, in the type of the maps inside: under autocast on a GPU rounded to its type,
/// else x itself. Gradients pass.
at::Tensor twin_map(const at::Tensor& x);

/// For tests without a GPU: while it lives, layers of this thread choose for tensors on the CPU
/// what they would choose for the same tensors on a GPU. Not nested.
class LayersAsOnGpu {
 public:
  LayersAsOnGpu();
  ~LayersAsOnGpu();
  LayersAsOnGpu(const LayersAsOnGpu&) = delete;
  LayersAsOnGpu& operator=(const LayersAsOnGpu&) = delete;
};

}  // namespace larkspur::model3d
