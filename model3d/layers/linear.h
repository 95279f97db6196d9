// SPDX-License-Identifier: Apache-2.0
// A linear map of the last axis.
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/reparam_math.h"
#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// x [..., inputs] to [..., outputs] by weight [outputs, inputs], axes of one behind them allowed,
/// and bias [outputs], undefined for none. In float32 on the CPU the bits of a row depend on
/// nothing but the row.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

enum class Bias { kNone, kZero };

/// Owns weight [outputs,inputs] and perhaps bias [outputs]. Not thread-safe.
class Linear {
 public:
  Linear(std::int64_t inputs, std::int64_t outputs, Bias bias = Bias::kZero);

  /// x [..., inputs] to [..., outputs].
  at::Tensor forward(const at::Tensor& x) const;

  /// "weight" and "bias" if there is one.
  void add_to(const StateDict& state) const;

  /// The same, first weights as StateDict::drawn_evenly() has them: where no norm follows.
  void add_evenly_to(const StateDict& state, double share = 1.0) const;

  /// Float64 copies, the bias zero if there is none.
  BiasedWeight biased_weight() const;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }  ///< undefined without one

  /// Takes weight and bias in place of its own.
  void adopt(const BiasedWeight& merged);

 private:
  at::Tensor weight_;
  at::Tensor bias_;  ///< undefined without a bias
};

}  // namespace larkspur::model3d
