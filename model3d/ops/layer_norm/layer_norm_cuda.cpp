// SPDX-License-Identifier: Apache-2.0
// Registers the CUDA twin; part of liblarkspur_cuda.so only.
#include <tuple>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "model3d/kernels/cuda_tensors.h"
#include "model3d/ops/layer_norm/layer_norm_kernels.h"

namespace larkspur::model3d {
namespace {

LayerNormCall layer_norm_call(
    const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps, bool gelu) {
  return {x.numel() / x.size(-1),
          x.size(-1),
          static_cast<float>(eps),
          gelu,
          in<float>(weight),
          in<float>(bias)};
}

std::tuple<at::Tensor, at::Tensor> layer_norm_on_cuda(
    const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps, bool gelu) {
  const c10::DeviceGuard guard(x.device());
  const LayerNormCall call = layer_norm_call(x, weight, bias, eps, gelu);
  const at::Tensor y = at::empty_like(x, x.options().dtype(at::kFloat));
  const at::Tensor moments = at::empty({2, call.rows}, y.options());
  with_cuda_type("layer_norm", x, [&](auto type) {
    using T = decltype(type);
    layer_norm_forward_cuda(out<float>(y), out<float>(moments), in<T>(x), call, stream_of(x));
  });
  return {y, moments};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> layer_norm_backward_on_cuda(
    const at::Tensor& dy,
    const at::Tensor& x,
    const at::Tensor& weight,
    const at::Tensor& bias,
    const at::Tensor& moments,
    bool gelu) {
  const c10::DeviceGuard guard(x.device());
  const LayerNormCall call = layer_norm_call(x, weight, bias, 0.0, gelu);
  const at::Tensor dx = at::empty_like(x);
  const at::Tensor dweight = at::empty_like(weight);
  const at::Tensor dbias = at::empty_like(bias);
  const at::Tensor partial =
      at::empty({layer_norm_partial_elements(call.rows, call.columns)}, weight.options());
  with_cuda_type("layer_norm", x, [&](auto type) {
    using T = decltype(type);
    layer_norm_backward_cuda<T>({out<T>(dx), out<float>(dweight), out<float>(dbias)},
                                out<float>(partial),
                                in<float>(dy),
                                in<T>(x),
                                in<float>(moments),
                                call,
                                stream_of(x));
  });
  return {dx, dweight, dbias};
}

}  // namespace

void add_layer_norm_on_cuda(torch::Library& library) {
  library.impl("layer_norm", &layer_norm_on_cuda);
  library.impl("layer_norm_backward", &layer_norm_backward_on_cuda);
}

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { add_layer_norm_on_cuda(library); }

}  // namespace larkspur::model3d
