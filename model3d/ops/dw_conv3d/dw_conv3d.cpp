// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "model3d/kernels/find_op.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_tensors.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;
using Rate = std::array<std::int64_t, 3>;

void check(const at::Tensor& x, const at::Tensor& weight, const Rate& rate) {
  const auto need = [](bool ok, const auto&... text) {
    require(ok, Errc::kInvalidArgument, "[dw_conv3d] ", text...);
  };
  need(x.dim() == 5, "input has ", x.dim(), " dimensions, not 5");
  need(weight.dim() == 5, "weight has ", weight.dim(), " dimensions, not 5");
  need(weight.size(0) == x.size(1),
       "weight has ",
       weight.size(0),
       " channels, input has ",
       x.size(1));
  need(weight.size(1) == 1, "weight has ", weight.size(1), " inputs a channel, not 1");
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const std::int64_t taps = weight.size(axis + 2);
    const std::int64_t spread = rate[static_cast<std::size_t>(axis)];
    need(taps % 2 == 1, "weight has ", taps, " taps along axis ", axis, ", not an odd number");
    need(spread >= 1, "rate along axis ", axis, " is ", spread, ", less than 1");
  }
  need(x.numel() > 0 || x.size(0) == 0, "input of sizes ", x.sizes(), " has no positions");
  need(x.scalar_type() == weight.scalar_type(),
       "weight is ",
       weight.scalar_type(),
       ", input is ",
       x.scalar_type());
  need(x.device() == weight.device(),
       "weight is on ",
       weight.device(),
       ", input is on ",
       x.device());
}

/// The loops in float64 take plain maps only.
at::MemoryFormat format_in_loops(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::MemoryFormat::Contiguous : format_of(x);
}

/// call(T{}) with the elements' type, float or double.
template <typename Call>
void with_type_of(const at::Tensor& x, const Call& call) {
  if (x.scalar_type() == at::kDouble) {
    call(double{});
  } else {
    call(float{});
  }
}

// The kernels in host memory, as the dispatcher calls them.

at::Tensor forward_on_cpu(const at::Tensor& x_any,
                          const at::Tensor& weight_any,
                          at::IntArrayRef rate) {
  const at::Tensor x = x_any.contiguous(format_in_loops(x_any));
  const at::Tensor weight = weight_any.contiguous();
  at::Tensor y = at::empty_like(x);
  with_type_of(x, [&](auto type) {
    using T = decltype(type);
    dw_conv3d_forward_cpu(y.mutable_data_ptr<T>(),
                          x.const_data_ptr<T>(),
                          weight.const_data_ptr<T>(),
                          shape_of(x, weight.sizes(), rate));
  });
  return y;
}

at::Tensor input_gradient_on_cpu(const at::Tensor& dy_any,
                                 const at::Tensor& weight_any,
                                 at::IntArrayRef rate) {
  const at::Tensor dy = dy_any.contiguous(format_in_loops(dy_any));
  const at::Tensor weight = weight_any.contiguous();
  at::Tensor dx = at::empty_like(dy);
  with_type_of(dy, [&](auto type) {
    using T = decltype(type);
    dw_conv3d_input_gradient_cpu(dx.mutable_data_ptr<T>(),
                                 dy.const_data_ptr<T>(),
                                 weight.const_data_ptr<T>(),
                                 shape_of(dy, weight.sizes(), rate));
  });
  return dx;
}

at::Tensor weight_gradient_on_cpu(const at::Tensor& x_any,
                                  const at::Tensor& dy_any,
                                  at::IntArrayRef weight_sizes,
                                  at::IntArrayRef rate) {
  const at::Tensor x = x_any.contiguous(format_in_loops(x_any));
  const at::Tensor dy = dy_any.contiguous(format_in_loops(x));
  at::Tensor dweight = at::empty(weight_sizes, x.options());
  with_type_of(x, [&](auto type) {
    using T = decltype(type);
    dw_conv3d_weight_gradient_cpu(dweight.mutable_data_ptr<T>(),
                                  x.const_data_ptr<T>(),
                                  dy.const_data_ptr<T>(),
                                  shape_of(x, weight_sizes, rate));
  });
  return dweight;
}

const auto& forward_op() {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, at::IntArrayRef);
  static const auto op = find_op<Signature>("larkspur::dw_conv3d");
  return op;
}

const auto& input_gradient_op() {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, at::IntArrayRef);
  static const auto op = find_op<Signature>("larkspur::dw_conv3d_input_gradient");
  return op;
}

const auto& weight_gradient_op() {
  using Signature =
      at::Tensor(const at::Tensor&, const at::Tensor&, at::IntArrayRef, at::IntArrayRef);
  static const auto op = find_op<Signature>("larkspur::dw_conv3d_weight_gradient");
  return op;
}

/// Derivatives are this function's, so the ops are called below autograd's part of the dispatcher.
class DwConv3dFunction : public torch::autograd::Function<DwConv3dFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& x_in,
                            const at::Tensor& weight_in,
                            at::IntArrayRef rate) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor x = x_in.contiguous(format_in_loops(x_in));
    const at::Tensor weight = weight_in.contiguous();
    const at::Tensor y = forward_op().call(x, weight, rate);
    context->save_for_backward({x, weight});
    context->saved_data["rate"] = rate.vec();
    return y.contiguous(format_of(x_in));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    require(!at::GradMode::is_enabled(),
            Errc::kUnsupported,
            "[dw_conv3d] second derivatives asked for, only first ones are there");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const std::vector<std::int64_t> rate = context->saved_data["rate"].toIntVector();
    const at::Tensor dy = outputs[0].contiguous(format_in_loops(x));
    at::Tensor dx;
    at::Tensor dweight;
    if (context->needs_input_grad(0)) dx = input_gradient_op().call(dy, weight, rate);
    if (context->needs_input_grad(1)) {
      dweight = weight_gradient_op().call(x, dy, weight.sizes(), rate);
    }
    return {dx, dweight, at::Tensor()};
  }
};

/// On a GPU as soon as a library has registered kernels there.
bool has_kernel(const at::Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  if (x.is_cpu()) return type == at::kFloat || type == at::kDouble;
  return x.is_cuda() && type != at::kDouble &&
         forward_op().hasKernelForDispatchKey(c10::DispatchKey::CUDA);
}

at::Tensor library_convolution(const at::Tensor& x, const at::Tensor& weight, const Rate& rate) {
  std::array<std::int64_t, 3> padding{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    padding[axis] = rate[axis] * (weight.size(static_cast<std::int64_t>(axis) + 2) / 2);
  }
  return at::convolution(x, weight, {}, {1, 1, 1}, padding, rate, false, {0, 0, 0}, x.size(1));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(larkspur, library) {
  library.def("dw_conv3d(Tensor x, Tensor weight, int[] rate) -> Tensor");
  library.def("dw_conv3d_input_gradient(Tensor dy, Tensor weight, int[] rate) -> Tensor");
  library.def(
      "dw_conv3d_weight_gradient(Tensor x, Tensor dy, int[] weight_sizes, int[] rate) -> Tensor");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) {
  library.impl("dw_conv3d", &forward_on_cpu);
  library.impl("dw_conv3d_input_gradient", &input_gradient_on_cpu);
  library.impl("dw_conv3d_weight_gradient", &weight_gradient_on_cpu);
}

at::Tensor dw_conv3d(const at::Tensor& x_any,
                     const at::Tensor& weight_any,
                     const std::array<std::int64_t, 3>& rate) {
  // As torch's own products do under autocast: both operands in its type; on a CPU in float32, the
  // type of the kernels there.
  const at::DeviceType device = x_any.device().type();
  const bool casts = at::autocast::is_autocast_enabled(device);
  const at::ScalarType cast_type =
      x_any.is_cpu() ? at::kFloat : at::autocast::get_autocast_dtype(device);
  const auto operand = [&](const at::Tensor& tensor) {
    return casts ? at::autocast::cached_cast(cast_type, tensor, device) : tensor;
  };
  const at::Tensor x_NCDHW = operand(x_any);
  const at::Tensor weight_C1KKK = operand(weight_any);
  check(x_NCDHW, weight_C1KKK, rate);
  if (!has_kernel(x_NCDHW)) return library_convolution(x_NCDHW, weight_C1KKK, rate);
  return DwConv3dFunction::apply(x_NCDHW, weight_C1KKK, at::IntArrayRef(rate));
}

}  // namespace larkspur::model3d
