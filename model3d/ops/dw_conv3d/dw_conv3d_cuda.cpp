// SPDX-License-Identifier: Apache-2.0
// Registers the CUDA twin; part of liblarkspur_cuda.so only.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "model3d/kernels/cuda_tensors.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_tensors.h"

namespace larkspur::model3d {
namespace {

at::Tensor forward_on_cuda(const at::Tensor& x_any,
                           const at::Tensor& weight_any,
                           at::IntArrayRef rate) {
  const c10::DeviceGuard guard(x_any.device());
  const at::Tensor x = x_any.contiguous(format_of(x_any));
  const at::Tensor weight = weight_any.contiguous();
  at::Tensor y = at::empty_like(x);
  with_cuda_type("dw_conv3d", x, [&](auto type) {
    using T = decltype(type);
    dw_conv3d_forward_cuda(
        out<T>(y), in<T>(x), in<T>(weight), shape_of(x, weight.sizes(), rate), stream_of(x));
  });
  return y;
}

at::Tensor input_gradient_on_cuda(const at::Tensor& dy_any,
                                  const at::Tensor& weight_any,
                                  at::IntArrayRef rate) {
  const c10::DeviceGuard guard(dy_any.device());
  const at::Tensor dy = dy_any.contiguous(format_of(dy_any));
  const at::Tensor weight = weight_any.contiguous();
  at::Tensor dx = at::empty_like(dy);
  with_cuda_type("dw_conv3d", dy, [&](auto type) {
    using T = decltype(type);
    dw_conv3d_input_gradient_cuda(
        out<T>(dx), in<T>(dy), in<T>(weight), shape_of(dy, weight.sizes(), rate), stream_of(dy));
  });
  return dx;
}

at::Tensor weight_gradient_on_cuda(const at::Tensor& x_any,
                                   const at::Tensor& dy_any,
                                   at::IntArrayRef weight_sizes,
                                   at::IntArrayRef rate) {
  const c10::DeviceGuard guard(x_any.device());
  const at::Tensor x = x_any.contiguous(format_of(x_any));
  const at::Tensor dy = dy_any.contiguous(format_of(x));
  at::Tensor dweight = at::empty(weight_sizes, x.options());
  const DwConv3dShape shape = shape_of(x, weight_sizes, rate);
  const at::Tensor partial =
      at::empty({dw_conv3d_partial_elements(shape)}, x.options().dtype(at::kFloat));
  with_cuda_type("dw_conv3d", x, [&](auto type) {
    using T = decltype(type);
    dw_conv3d_weight_gradient_cuda(
        out<T>(dweight), out<float>(partial), in<T>(x), in<T>(dy), shape, stream_of(x));
  });
  return dweight;
}

}  // namespace

void add_dw_conv3d_on_cuda(torch::Library& library) {
  library.impl("dw_conv3d", &forward_on_cuda);
  library.impl("dw_conv3d_input_gradient", &input_gradient_on_cuda);
  library.impl("dw_conv3d_weight_gradient", &weight_gradient_on_cuda);
}

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { add_dw_conv3d_on_cuda(library); }

}  // namespace larkspur::model3d
