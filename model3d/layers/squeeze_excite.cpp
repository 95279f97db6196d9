// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/squeeze_excite.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros.h>

#include "model3d/layers/cpu_ops.h"
#include "model3d/layers/linear.h"
#include "model3d/ops/excite_gate/excite_gate.h"

namespace larkspur::model3d {

SqueezeExcite::SqueezeExcite(std::int64_t channels, std::int64_t inner)
    : down_weight_(make_parameter(at::zeros({inner, channels, 1, 1, 1}))),
      down_bias_(make_parameter(at::zeros({inner}))),
      up_weight_(make_parameter(at::zeros({channels, inner, 1, 1, 1}))),
      up_bias_(make_parameter(at::zeros({channels}))) {}

at::Tensor SqueezeExcite::forward(const at::Tensor& x_NCDHW) const {
  const at::Tensor gate_NC = gate(x_NCDHW.mean({2, 3, 4}));
  return x_NCDHW * gate_NC.view({x_NCDHW.size(0), x_NCDHW.size(1), 1, 1, 1});
}

at::Tensor SqueezeExcite::gate(const at::Tensor& means_NC) const {
  if (gpu_ops_take(means_NC, down_weight_)) {
    return excite_gate(means_NC, {down_weight_, down_bias_, up_weight_, up_bias_});
  }
  const at::Tensor inner = at::relu(linear(means_NC, down_weight_, down_bias_));
  return at::sigmoid(linear(inner, up_weight_, up_bias_));
}

void SqueezeExcite::add_to(const StateDict& state) const {
  state.drawn("down.weight", down_weight_);
  state.constant("down.bias", down_bias_);
  state.drawn("up.weight", up_weight_);
  state.constant("up.bias", up_bias_);
}

}  // namespace larkspur::model3d
