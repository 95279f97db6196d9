// SPDX-License-Identifier: Apache-2.0
// A depthwise layer in training and the norm behind it as one op (ops/reparam_depthwise).
#pragma once

#include "model3d/depthwise/depthwise_layer.h"

namespace larkspur::model3d {

/// Whether the layer can go through the op: zeros are all that is around its maps.
bool can_fuse(const DepthwiseLayer& layer);

struct NormedMap {
  at::Tensor u;         ///< [N,C,D,H,W], channels last
  at::Tensor means_NC;  ///< of u over each sample's map
};

/// norm(layer(x)) in training, x float32; the steps of all running statistics are added to `steps`.
NormedMap fused_depthwise(const DepthwiseLayer& layer,
                          const BatchNorm& norm,
                          const at::Tensor& x_NCDHW,
                          std::vector<RunningStep>& steps);

/// The same in evaluation, by running statistics, where no gradients are recorded. `norm` null: the
/// layer is merged, its biases are what the norm was.
NormedMap evaluate_fused_depthwise(const DepthwiseLayer& layer,
                                   const BatchNorm* norm,
                                   const at::Tensor& x_NCDHW);

}  // namespace larkspur::model3d
