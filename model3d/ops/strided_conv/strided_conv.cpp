// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/strided_conv/strided_conv.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model3d/kernels/autocast.h"
#include "model3d/ops/strided_conv/strided_conv_kernels.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast3d;

StridedConvShape conv_shape(const at::Tensor& x,
                            const at::Tensor& weight,
                            at::IntArrayRef stride,
                            at::IntArrayRef padding,
                            FactorType factors) {
  pipeline::require(x.size(1) == weight.size(1),
                    pipeline::Errc::kInvalidArgument,
                    "[strided_conv] x has ",
                    x.size(1),
                    " channels, the weight ",
                    weight.size(1));
  StridedConvShape shape{};
  shape.factors = factors;
  shape.n = x.size(0);
  shape.inputs = x.size(1);
  shape.outputs = weight.size(0);
  for (int axis = 0; axis < 3; ++axis) {
    shape.in[axis] = x.size(2 + axis);
    shape.taps[axis] = weight.size(2 + axis);
    shape.stride[axis] = stride[static_cast<std::size_t>(axis)];
    shape.padding[axis] = padding[static_cast<std::size_t>(axis)];
    const std::int64_t room = shape.in[axis] + 2 * shape.padding[axis] - shape.taps[axis];
    shape.out[axis] = room / shape.stride[axis] + 1;
    pipeline::require(room >= 0,
                      pipeline::Errc::kInvalidArgument,
                      "[strided_conv] ",
                      shape.taps[axis],
                      " taps on ",
                      shape.in[axis],
                      " places with padding ",
                      shape.padding[axis]);
  }
  return shape;
}

class StridedConvFunction : public torch::autograd::Function<StridedConvFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& x_any,
                            const at::Tensor& weight_any,
                            const at::Tensor& bias,
                            at::IntArrayRef stride,
                            at::IntArrayRef padding) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const FactorType factors = factors_of_autocast();
    const at::Tensor x = x_any.contiguous(kChannelsLast);
    const at::Tensor weight = weight_any.contiguous();
    const StridedConvShape shape = conv_shape(x, weight, stride, padding, factors);
    const at::Tensor y =
        at::empty({shape.n, shape.outputs, shape.out[0], shape.out[1], shape.out[2]},
                  x.options().memory_format(kChannelsLast));
    strided_conv_forward_cpu(y.mutable_data_ptr<float>(),
                             x.const_data_ptr<float>(),
                             weight.const_data_ptr<float>(),
                             bias.const_data_ptr<float>(),
                             shape);
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["factors"] = static_cast<std::int64_t>(factors);
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    pipeline::require(!at::GradMode::is_enabled(),
                      pipeline::Errc::kUnsupported,
                      "[strided_conv] second derivatives asked for, only first ones are there");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor dy = outputs[0].contiguous(kChannelsLast);
    const StridedConvShape shape = conv_shape(x,
                                              weight,
                                              context->saved_data["stride"].toIntVector(),
                                              context->saved_data["padding"].toIntVector(),
                                              FactorType(context->saved_data["factors"].toInt()));
    const at::Tensor dx = context->needs_input_grad(0) ? at::empty_like(x) : at::Tensor();
    const at::Tensor dweight = at::empty_like(weight);
    const at::Tensor dbias = at::empty({shape.outputs}, x.options());
    strided_conv_backward_cpu(dx.defined() ? dx.mutable_data_ptr<float>() : nullptr,
                              dweight.mutable_data_ptr<float>(),
                              dbias.mutable_data_ptr<float>(),
                              dy.const_data_ptr<float>(),
                              x.const_data_ptr<float>(),
                              weight.const_data_ptr<float>(),
                              shape);
    return {dx, dweight, dbias, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor strided_conv(const at::Tensor& x_NCDHW,
                        const at::Tensor& weight_OCKKK,
                        const at::Tensor& bias_O,
                        at::IntArrayRef stride,
                        at::IntArrayRef padding) {
  return StridedConvFunction::apply(x_NCDHW, weight_OCKKK, bias_O, stride, padding);
}

}  // namespace larkspur::model3d
