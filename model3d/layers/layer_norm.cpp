// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/layer_norm.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "model3d/layers/cpu_ops.h"
#include "model3d/ops/layer_norm/layer_norm.h"

namespace larkspur::model3d {
namespace {

constexpr double kLayerNormEps = 1e-6;

}  // namespace

LayerNorm::LayerNorm(std::int64_t channels)
    : weight_(make_parameter(at::ones({channels}))), bias_(make_parameter(at::zeros({channels}))) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  const at::Tensor last = x.movedim(1, -1);
  const at::Tensor y = norm_ops_take(x, weight_)
                           ? layer_norm(last, weight_, bias_, kLayerNormEps, Activation::kNone)
                           : at::layer_norm(last, weight_.sizes(), weight_, bias_, kLayerNormEps);
  return y.movedim(-1, 1);
}

at::Tensor LayerNorm::forward_gelu(const at::Tensor& x) const {
  if (!norm_ops_take(x, weight_)) return at::gelu(forward(x));
  const at::Tensor last = x.movedim(1, -1);
  return layer_norm(last, weight_, bias_, kLayerNormEps, Activation::kGelu).movedim(-1, 1);
}

void LayerNorm::add_to(const StateDict& state) const {
  state.constant("weight", weight_);
  state.constant("bias", bias_);
}

}  // namespace larkspur::model3d
