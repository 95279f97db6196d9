// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/grn.h"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

namespace larkspur::model3d {
namespace {

constexpr double kEps = 1e-6;

}  // namespace

Grn::Grn(std::int64_t channels)
    : gamma_(make_parameter(at::zeros({1, 1, 1, channels}))),
      beta_(make_parameter(at::zeros({1, 1, 1, channels}))) {}

at::Tensor Grn::forward(const at::Tensor& x_NDHWC) const {
  const at::Tensor norm = at::linalg_vector_norm(x_NDHWC, 2, {1, 2, 3}, /*keepdim=*/true);
  const at::Tensor response = norm / (norm.mean(-1, /*keepdim=*/true) + kEps);
  const at::Tensor y = x_NDHWC * (gamma_ * response + 1);
  return beta_.defined() ? y + beta_ : y;
}

void Grn::add_to(const StateDict& state) const {
  state.constant("gamma", gamma_);
  if (beta_.defined()) state.constant("beta", beta_);
}

at::Tensor Grn::take_beta() {
  return std::exchange(beta_, at::Tensor()).detach().to(at::kDouble).flatten();
}

}  // namespace larkspur::model3d
