// SPDX-License-Identifier: Apache-2.0
// Squeeze and excite (Hu et al. 2018, arXiv 1709.01507): a gate a channel, from the means of all.
//
//   x --+-- mean over D,H,W -- down C -> C/4 -- ReLU -- up C/4 -> C -- sigmoid --+
//       +------------------------------------------------------------------------*-- y
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Owns the two linear maps, shaped as convolutions of one tap. Not thread-safe.
class SqueezeExcite {
 public:
  /// `inner`: channels between the two, > 0.
  SqueezeExcite(std::int64_t channels, std::int64_t inner);

  /// x [N,C,D,H,W] to the same shape.
  at::Tensor forward(const at::Tensor& x_NCDHW) const;

  /// From the means of x over its map [N,C] to what each channel is multiplied by [N,C].
  at::Tensor gate(const at::Tensor& means_NC) const;

  /// "down.weight" [inner,C,1,1,1], "down.bias", "up.weight" [C,inner,1,1,1], "up.bias".
  void add_to(const StateDict& state) const;

 private:
  at::Tensor down_weight_;
  at::Tensor down_bias_;
  at::Tensor up_weight_;
  at::Tensor up_bias_;
};

}  // namespace larkspur::model3d
