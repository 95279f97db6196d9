// SPDX-License-Identifier: Apache-2.0
// A linear map of the channels of every place: a convolution of one tap, channels first.
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/linear.h"
#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Owns weight [outputs,inputs] and perhaps bias [outputs]. First weights have deviation
/// 1 / sqrt(inputs): places in, places out are of one size. Not thread-safe.
class Pointwise {
 public:
  Pointwise(std::int64_t inputs, std::int64_t outputs, Bias bias = Bias::kZero);

  /// x [N,inputs,M] to [N,outputs,M], contiguous.
  at::Tensor forward(const at::Tensor& x_NCM) const;

  /// "weight" and "bias" if there is one.
  void add_to(const StateDict& state) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;  ///< undefined without a bias
};

}  // namespace larkspur::model3d
