// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/depthwise_conv.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "model3d/layers/time_padding.h"
#include "model3d/ops/dw_conv3d/dw_conv3d.h"

namespace larkspur::model3d {

DepthwiseConv::DepthwiseConv(std::int64_t channels,
                             const Extent3& taps,
                             const Extent3& rate,
                             TimePadding padding)
    : weight_(make_parameter(at::zeros({channels, 1, taps[0], taps[1], taps[2]}))),
      rate_(rate),
      padding_(padding) {}

at::Tensor DepthwiseConv::forward(const at::Tensor& x_NCDHW) const {
  at::Tensor y = dw_conv3d(x_NCDHW, weight_, rate_);
  if (padding_ == TimePadding::kReplicate) add_repeated_ends(y, x_NCDHW, weight_, rate_);
  return bias_.defined() ? y + bias_.view({1, -1, 1, 1, 1}) : y;
}

void DepthwiseConv::add_to(const StateDict& state) const {
  state.drawn("weight", weight_);
  if (bias_.defined()) state.constant("bias", bias_);
}

BiasedWeight DepthwiseConv::spread_over(const Extent3& taps) const {
  const at::Tensor bias =
      bias_.defined() ? bias_.detach().to(at::kDouble) : at::zeros({weight_.size(0)}, at::kDouble);
  return {spread(weight_, rate_, taps), bias};
}

void DepthwiseConv::adopt(const BiasedWeight& merged) {
  weight_ = make_parameter(merged.weight);
  bias_ = merged.bias.defined() ? make_parameter(merged.bias) : at::Tensor();
  rate_ = {1, 1, 1};
}

Extent3 DepthwiseConv::taps() const { return {weight_.size(2), weight_.size(3), weight_.size(4)}; }

}  // namespace larkspur::model3d
