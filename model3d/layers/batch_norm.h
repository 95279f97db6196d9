// SPDX-License-Identifier: Apache-2.0
// BatchNorm over everything but the channels (Ioffe and Szegedy 2015, arXiv 1502.03167).
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "model3d/layers/pass.h"
#include "model3d/layers/reparam_math.h"
#include "model3d/layers/state_dict.h"
#include "model3d/ops/running_moments/running_moments.h"

namespace larkspur::model3d {

/// Momentum of the running statistics: new = 0.9 * old + 0.1 * batch.
inline constexpr double kNormMomentum = 0.1;
inline constexpr double kNormEps = 1e-5;

/// Owns weight (from 1), bias (from 0), running mean (from 0) and variance (from 1). Not
/// thread-safe.
class BatchNorm {
 public:
  explicit BatchNorm(std::int64_t channels, double eps = kNormEps);

  /// x [N,C,...] to the same shape. In training: normalised by the batch's mean and biased
  /// variance, and the running mean and unbiased variance take a step towards the batch's. With one
  /// value a channel the output is the bias up to rounding, the gradient of x is zero, and the
  /// running statistics, of which such a batch says nothing, stay. Where the pass has a rule for
  /// norms, the rule decides in training. Otherwise: normalised by the running statistics.
  at::Tensor forward(const at::Tensor& x, const Pass& pass) const;

  /// "weight", "bias", "running_mean", "running_var", each [C].
  void add_to(const StateDict& state) const;

  /// What it does to a channel outside training.
  ChannelAffine affine() const;

  /// The running statistics' steps in training for an op that has normalised in its place, by
  /// kNormMomentum: mean and biased variance [C] of `values` > 1 values a channel.
  void add_running_steps(std::vector<RunningStep>& steps,
                         const at::Tensor& mean,
                         const at::Tensor& variance,
                         std::int64_t values) const;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }
  const at::Tensor& running_mean() const { return running_mean_; }
  const at::Tensor& running_var() const { return running_var_; }
  double eps() const { return eps_; }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  at::Tensor running_mean_;
  at::Tensor running_var_;
  double eps_;
};

}  // namespace larkspur::model3d
