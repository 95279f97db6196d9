// SPDX-License-Identifier: Apache-2.0
// The algebra of merging: what BatchNorm does to a channel, folded into the weights before it.
//
//   scale * (w . x + b) + shift  =  (scale * w) . x + (scale * b + shift)
//
// Everything here is a pure function and works in float64, so that a merged weight is rounded once.
// Source: Ding et al. 2024, arXiv 2311.15599, section 3.2 and figure 2.
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/extent.h"

namespace larkspur::model3d {

/// y = scale * x + shift, channel by channel; both float64 [C].
struct ChannelAffine {
  at::Tensor scale;
  at::Tensor shift;
};

/// Weights with their output channels first, and one bias for each.
struct BiasedWeight {
  at::Tensor weight;  ///< float64 [C, ...]
  at::Tensor bias;    ///< float64 [C]
};

/// The tensors of a BatchNorm, each [C], and its epsilon.
struct NormTensors {
  at::Tensor weight;
  at::Tensor bias;
  at::Tensor mean;
  at::Tensor variance;
  double eps = 0.0;
};

/// What the norm computes from its running statistics: scale = weight / sqrt(variance + eps),
/// shift = bias - mean * scale.
ChannelAffine affine_of(const NormTensors& norm);

/// The weights that do both: first `first`, then `then`.
BiasedWeight fold(const BiasedWeight& first, const ChannelAffine& then);

/// A kernel [C,1,kd,kh,kw] with holes, as a float64 kernel [C,1,KD,KH,KW] without: tap a lands at
/// K/2 + rate * (a - k/2) on each axis, zeros elsewhere. All taps odd, reach(k, rate) <= K:
/// otherwise throws kInvalidArgument with both.
at::Tensor spread(const at::Tensor& kernel, const Extent3& rate, const Extent3& taps);

}  // namespace larkspur::model3d
