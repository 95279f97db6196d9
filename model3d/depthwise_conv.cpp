// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise_conv.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/zeros.h>

#include "pipeline/require.h"

namespace larkspur::model3d {

using pipeline::Errc;
using pipeline::require;

at::Tensor depthwise_conv(const at::Tensor& x_NCDHW,
                          const at::Tensor& weight,
                          const Extent3& rate) {
  require(x_NCDHW.dim() == 5 && weight.dim() == 5 && weight.size(1) == 1,
          Errc::kInvalidArgument,
          "[depthwise_conv] input ",
          x_NCDHW.sizes(),
          " and weight ",
          weight.sizes(),
          " are not [N,C,D,H,W] and [C,1,KD,KH,KW]");
  require(x_NCDHW.size(1) == weight.size(0),
          Errc::kInvalidArgument,
          "[depthwise_conv] weight has ",
          weight.size(0),
          " channels, input has ",
          x_NCDHW.size(1));
  const Extent3 taps{weight.size(2), weight.size(3), weight.size(4)};
  require(taps[0] % 2 == 1 && taps[1] % 2 == 1 && taps[2] % 2 == 1,
          Errc::kInvalidArgument,
          "[depthwise_conv] a kernel of ",
          to_text(taps),
          " taps has an even axis");
  const Extent3 stride{1, 1, 1};
  const Extent3 no_extra{0, 0, 0};
  return at::convolution(x_NCDHW,
                         weight,
                         /*bias=*/{},
                         stride,
                         same_padding(taps, rate),
                         rate,
                         /*transposed=*/false,
                         no_extra,
                         /*groups=*/weight.size(0));
}

DepthwiseConv::DepthwiseConv(std::int64_t channels, const Extent3& taps, const Extent3& rate)
    : weight_(make_parameter(at::zeros({channels, 1, taps[0], taps[1], taps[2]}))), rate_(rate) {}

at::Tensor DepthwiseConv::forward(const at::Tensor& x_NCDHW) const {
  const at::Tensor y = depthwise_conv(x_NCDHW, weight_, rate_);
  return bias_.defined() ? y + bias_.view({1, -1, 1, 1, 1}) : y;
}

void DepthwiseConv::list(const Listing& to) const {
  to.drawn("weight", weight_);
  if (bias_.defined()) to.constant("bias", bias_);
}

BiasedWeight DepthwiseConv::spread_over(const Extent3& taps) const {
  const at::Tensor bias =
      bias_.defined() ? bias_.detach().to(at::kDouble) : at::zeros({weight_.size(0)}, at::kDouble);
  return {spread(weight_, rate_, taps), bias};
}

void DepthwiseConv::adopt(const BiasedWeight& merged) {
  weight_ = make_parameter(merged.weight);
  bias_ = make_parameter(merged.bias);
  rate_ = {1, 1, 1};
}

Extent3 DepthwiseConv::taps() const { return {weight_.size(2), weight_.size(3), weight_.size(4)}; }

}  // namespace larkspur::model3d
