// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/group_norm.h"

#include <ATen/ops/group_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace larkspur::model3d {
namespace {

constexpr double kGroupNormEps = 1e-5;

}  // namespace

GroupNorm::GroupNorm(std::int64_t channels, std::int64_t groups)
    : weight_(make_parameter(at::ones({channels}))),
      bias_(make_parameter(at::zeros({channels}))),
      groups_(groups) {}

at::Tensor GroupNorm::forward(const at::Tensor& x) const {
  return at::group_norm(x, groups_, weight_, bias_, kGroupNormEps);
}

void GroupNorm::add_to(const StateDict& state) const {
  state.constant("weight", weight_);
  state.constant("bias", bias_);
}

}  // namespace larkspur::model3d
