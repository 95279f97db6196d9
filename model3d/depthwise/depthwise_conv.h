// SPDX-License-Identifier: Apache-2.0
// A depthwise convolution as a layer: the only place where the network asks for one.
//
// Shape letters: N batch, C channels, D H W map, KD KH KW taps.
#pragma once

#include <optional>

#include <ATen/core/Tensor.h>

#include "model3d/layers/extent.h"
#include "model3d/layers/reparam_math.h"
#include "model3d/layers/state_dict.h"
#include "model3d/layers/time_axis.h"

namespace larkspur::model3d {

/// A depthwise convolution that owns its kernel. Not thread-safe.
class DepthwiseConv {
 public:
  /// Without a bias, the kernel zero until weights are drawn.
  DepthwiseConv(std::int64_t channels,
                const Extent3& taps,
                const Extent3& rate = {1, 1, 1},
                TimePadding padding = TimePadding::kZeros);

  /// x [N,C,D,H,W] to the same shape; zeros around H and W, and D as the padding says.
  at::Tensor forward(const at::Tensor& x_NCDHW) const;

  /// "weight" [C,1,KD,KH,KW] and, once it has adopted one, "bias" [C].
  void add_to(const StateDict& state) const;

  /// The same map as one kernel without holes of `taps` taps, with its bias (zeros if there is
  /// none).
  BiasedWeight spread_over(const Extent3& taps) const;

  /// Takes kernel and bias (undefined: none) in place of its own, rate 1; the padding stays.
  void adopt(const BiasedWeight& merged);

  Extent3 taps() const;
  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }  ///< undefined: none
  const Extent3& rate() const { return rate_; }
  TimePadding padding() const { return padding_; }

 private:
  at::Tensor weight_;
  at::Tensor bias_;  ///< undefined: none
  Extent3 rate_;
  TimePadding padding_;
};

}  // namespace larkspur::model3d
