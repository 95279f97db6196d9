// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/downsample.h"

#include <ATen/ops/convolution.h>
#include <ATen/ops/zeros.h>

#include "model3d/layers/cpu_ops.h"
#include "model3d/layers/time_padding.h"
#include "model3d/ops/strided_conv/strided_conv.h"

namespace larkspur::model3d {
Extent3 stride_of(const StridedConvOptions& options) {
  Extent3 stride{1, 1, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (options.taps[axis] > 1) stride[axis] = options.stride[axis];
  }
  return stride;
}

Extent3 taps_of(const StridedConvOptions& options) {
  Extent3 taps = options.taps;
  if (options.lean_depth && options.stride[0] == 1) taps[0] = 1;
  return taps;
}

StridedConvOptions half_of(const StridedConvOptions& total, bool first) {
  StridedConvOptions half = total;
  half.inputs = first ? total.inputs : total.outputs / 2;
  half.outputs = first ? total.outputs / 2 : total.outputs;
  for (std::int64_t& stride : half.stride) {
    const std::int64_t begun = std::min<std::int64_t>(2, stride);
    stride = first ? begun : stride / begun;
  }
  return half;
}

namespace {

at::Tensor zero_weight(const StridedConvOptions& options) {
  const Extent3 taps = taps_of(options);
  return at::zeros({options.outputs, options.inputs, taps[0], taps[1], taps[2]});
}

}  // namespace

StridedConv::StridedConv(const StridedConvOptions& options)
    : weight_(make_parameter(zero_weight(options))),
      bias_(make_parameter(at::zeros({options.outputs}))),
      stride_(stride_of(options)),
      padding_(options.padding),
      drawn_bias_(options.drawn_bias) {}

at::Tensor StridedConv::forward(const at::Tensor& x_NCDHW) const {
  const Extent3 taps{weight_.size(2), weight_.size(3), weight_.size(4)};
  const Extent3 dense{1, 1, 1};
  const Extent3 no_extra{0, 0, 0};
  Extent3 zeros = same_padding(taps, dense);
  const bool repeats = padding_ == TimePadding::kReplicate && zeros[0] > 0;
  const at::Tensor x = repeats ? repeat_ends(x_NCDHW, zeros[0]) : x_NCDHW;
  if (repeats) zeros[0] = 0;
  if (cpu_ops_take(x, weight_)) return strided_conv(x, weight_, bias_, stride_, zeros);
  return at::convolution(x,
                         weight_,
                         bias_,
                         stride_,
                         zeros,
                         dense,
                         /*transposed=*/false,
                         no_extra,
                         /*groups=*/1);
}

void StridedConv::add_to(const StateDict& state) const {
  state.drawn("weight", weight_);
  drawn_bias_ ? state.drawn("bias", bias_) : state.constant("bias", bias_);
}

Stem::Stem(const StridedConvOptions& total)
    : first_(half_of(total, true)),
      first_norm_(total.outputs / 2),
      second_(half_of(total, false)),
      second_norm_(total.outputs) {}

at::Tensor Stem::forward(const at::Tensor& x_NCDHW) const {
  const at::Tensor x = x_NCDHW.contiguous(at::MemoryFormat::ChannelsLast3d);
  const at::Tensor half = first_norm_.forward_gelu(first_.forward(x));
  return second_norm_.forward(second_.forward(half));
}

void Stem::add_to(const StateDict& state) const {
  first_.add_to(state.under("0"));
  first_norm_.add_to(state.under("1"));
  second_.add_to(state.under("3"));
  second_norm_.add_to(state.under("4"));
}

}  // namespace larkspur::model3d
