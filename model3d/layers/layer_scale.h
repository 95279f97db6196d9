// SPDX-License-Identifier: Apache-2.0
// Layer scale (Touvron et al. 2021, CaiT, arXiv 2103.17239): a small factor a channel on a
// residual.
//
// It lets a deep network start as nearly the identity. At the published start of 1e-6 a short
// training of a small network hardly leaves it.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

#include "model3d/layers/reparam_math.h"
#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Owns the factors, [C]. Not thread-safe.
class LayerScale {
 public:
  /// All factors begin at `start`.
  LayerScale(std::int64_t channels, double start)
      : gamma_(make_parameter(at::full({channels}, start))) {}

  /// x [N,C,D,H,W] times its channel's factor.
  at::Tensor forward(const at::Tensor& x_NCDHW) const {
    return x_NCDHW.mul(gamma_.view({1, -1, 1, 1, 1}));
  }

  const at::Tensor& gamma() const { return gamma_; }

  /// "gamma" [C].
  void add_to(const StateDict& state) const { state.constant("gamma", gamma_); }

  /// The factors as an affine map of the channels, for merging.
  ChannelAffine affine() const {
    const at::Tensor scale = gamma_.detach().to(at::kDouble);
    return {scale, at::zeros_like(scale)};
  }

 private:
  at::Tensor gamma_;
};

}  // namespace larkspur::model3d
