// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/layer_norm.h"

#include <ATen/ops/layer_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace larkspur::model3d {
namespace {

constexpr double kLayerNormEps = 1e-6;

}  // namespace

LayerNorm::LayerNorm(std::int64_t channels)
    : weight_(make_parameter(at::ones({channels}))), bias_(make_parameter(at::zeros({channels}))) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  const at::Tensor channels_last = x.movedim(1, -1);
  return at::layer_norm(channels_last, weight_.sizes(), weight_, bias_, kLayerNormEps)
      .movedim(-1, 1);
}

void LayerNorm::add_to(const StateDict& state) const {
  state.constant("weight", weight_);
  state.constant("bias", bias_);
}

}  // namespace larkspur::model3d
