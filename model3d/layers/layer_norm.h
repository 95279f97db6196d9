// SPDX-License-Identifier: Apache-2.0
// LayerNorm over the channels of each place (Ba et al. 2016, arXiv 1607.06450), epsilon 1e-6.
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Owns weight (from 1) and bias (from 0), both [C]. Not thread-safe.
class LayerNorm {
 public:
  explicit LayerNorm(std::int64_t channels);

  /// x [N,C,...], each of the N*... places normalised over its C channels; same shape, channels
  /// first in its sizes, last in memory. [N,C] is the case of one place a sample.
  at::Tensor forward(const at::Tensor& x) const;

  /// gelu(forward(x))
  at::Tensor forward_gelu(const at::Tensor& x) const;

  /// "weight" and "bias".
  void add_to(const StateDict& state) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace larkspur::model3d
