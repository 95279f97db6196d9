// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/linear.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

namespace larkspur::model3d {

Linear::Linear(std::int64_t inputs, std::int64_t outputs, Bias bias)
    : weight_(make_parameter(at::zeros({outputs, inputs}))) {
  if (bias == Bias::kZero) bias_ = make_parameter(at::zeros({outputs}));
}

at::Tensor Linear::forward(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

void Linear::add_to(const StateDict& state) const {
  state.drawn("weight", weight_);
  if (bias_.defined()) state.constant("bias", bias_);
}

BiasedWeight Linear::biased_weight() const {
  return {
      weight_.detach().to(at::kDouble),
      bias_.defined() ? bias_.detach().to(at::kDouble) : at::zeros({weight_.size(0)}, at::kDouble)};
}

void Linear::adopt(const BiasedWeight& merged) {
  weight_ = make_parameter(merged.weight);
  bias_ = make_parameter(merged.bias);
}

}  // namespace larkspur::model3d
