// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/linear.h"

#include <vector>

#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include "model3d/layers/cpu_ops.h"
#include "model3d/ops/strided_conv/strided_conv.h"

namespace larkspur::model3d {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::int64_t inputs = weight.size(1);
  const std::int64_t outputs = weight.size(0);
  if (!cpu_ops_take(x, weight)) return at::linear(x, weight.flatten(1), bias);
  // Rows are maps of one place, seen by one tap.
  const at::Tensor rows = strided_conv(x.reshape({-1, inputs, 1, 1, 1}),
                                       weight.view({outputs, inputs, 1, 1, 1}),
                                       bias.defined() ? bias : at::zeros({outputs}),
                                       {1, 1, 1},
                                       {0, 0, 0});
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = outputs;
  return rows.view(sizes);
}

Linear::Linear(std::int64_t inputs, std::int64_t outputs, Bias bias)
    : weight_(make_parameter(at::zeros({outputs, inputs}))) {
  if (bias == Bias::kZero) bias_ = make_parameter(at::zeros({outputs}));
}

at::Tensor Linear::forward(const at::Tensor& x) const { return linear(x, weight_, bias_); }

void Linear::add_to(const StateDict& state) const {
  state.drawn("weight", weight_);
  if (bias_.defined()) state.constant("bias", bias_);
}

void Linear::add_evenly_to(const StateDict& state, double share) const {
  state.drawn_evenly("weight", weight_, share);
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
