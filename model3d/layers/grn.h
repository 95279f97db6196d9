// SPDX-License-Identifier: Apache-2.0
// Global response normalisation (Woo et al. 2023, ConvNeXt V2, arXiv 2301.00808, section 3.3).
//
//   g[n,c] = sqrt(sum over places of x^2),   y = x * (gamma * g / (mean over c of g + 1e-6) + 1) +
//   beta
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Owns gamma and beta, both from 0. Not thread-safe.
class Grn {
 public:
  explicit Grn(std::int64_t channels);

  /// x [N,D,H,W,C], channels last, to the same shape. A channel that is zero everywhere has a zero
  /// gradient through its norm, not NaN.
  at::Tensor forward(const at::Tensor& x_NDHWC) const;

  /// "gamma" and, until taken, "beta", both [1,1,1,C].
  void add_to(const StateDict& state) const;

  const at::Tensor& gamma() const { return gamma_; }
  const at::Tensor& beta() const { return beta_; }

  /// Takes beta out of the map, for a linear layer behind it to hold: float64 [C].
  at::Tensor take_beta();

 private:
  at::Tensor gamma_;
  at::Tensor beta_;  ///< undefined once taken
};

}  // namespace larkspur::model3d
