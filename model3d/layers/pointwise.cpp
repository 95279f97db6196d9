// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/pointwise.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/zeros.h>

namespace larkspur::model3d {

Pointwise::Pointwise(std::int64_t inputs, std::int64_t outputs, Bias bias)
    : weight_(make_parameter(at::zeros({outputs, inputs}))) {
  if (bias == Bias::kZero) bias_ = make_parameter(at::zeros({outputs}));
}

at::Tensor Pointwise::forward(const at::Tensor& x_NCM) const {
  const at::Tensor weight = weight_.unsqueeze(0).expand({x_NCM.size(0), -1, -1});
  const at::Tensor y = at::bmm(weight, x_NCM);
  return bias_.defined() ? y + bias_.unsqueeze(1) : y;
}

void Pointwise::add_to(const StateDict& state) const {
  state.drawn_evenly("weight", weight_);
  if (bias_.defined()) state.constant("bias", bias_);
}

}  // namespace larkspur::model3d
