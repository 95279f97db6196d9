// SPDX-License-Identifier: Apache-2.0
// The CUDA twin: all branches' convolutions in one launch, norms and sums by slices; part of
// liblarkspur_cuda.so only.
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "model3d/kernels/cuda_tensors.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_passes.h"

namespace larkspur::model3d {
namespace {

using Tensors = std::vector<at::Tensor>;

/// What both directions make of an op's arguments.
struct CudaBranches {
  ReparamPasses passes{};
  DwConv3dTogether kernels{};
  at::Tensor z;  ///< [branches] maps

  CudaBranches(const at::Tensor& x,
               const at::Tensor& moments,
               at::TensorList parameters,
               at::IntArrayRef rates,
               at::IntArrayRef has_norm,
               at::ArrayRef<double> eps) {
    const std::int64_t n = x.size(0);
    const std::int64_t c = x.size(1);
    passes.plan = plan_slices(n, x.size(2) * x.size(3) * x.size(4), c);
    passes.stream = stream_of(x);
    passes.branches = static_cast<int>(has_norm.size());
    kernels.count = passes.branches;
    std::size_t next = 0;
    const auto read = [&] { return in<float>(parameters[next++]); };
    for (std::size_t b = 0; b < has_norm.size(); ++b) {
      const at::Tensor& k = parameters[next];
      kernels.k[b] = read();
      kernels.shapes[b] = {n,
                           c,
                           x.size(2),
                           x.size(3),
                           x.size(4),
                           k.size(2),
                           k.size(3),
                           k.size(4),
                           rates[b * 3],
                           rates[b * 3 + 1],
                           rates[b * 3 + 2],
                           DwConv3dLayout::kChannelsLast};
      if (has_norm[b] != 0) {
        const float* weight = read();
        passes.norms[b] = {weight, read(), eps[b]};
      }
    }
    const float* weight = read();
    passes.last = {weight, read(), eps.back()};
    passes.moments = out<float>(moments);
    z = at::empty({passes.branches, passes.map()}, moments.options());
    passes.z = out<float>(z);
  }

  at::Tensor room() const { return at::empty({passes.room()}, z.options()); }
};

Tensors reparam_on_cuda(const at::Tensor& x,
                        at::TensorList parameters,
                        at::IntArrayRef rates,
                        at::IntArrayRef has_norm,
                        at::ArrayRef<double> eps) {
  const c10::DeviceGuard guard(x.device());
  const at::Tensor& plain = parameters[0];  // in no layout but its own
  const auto rows = static_cast<std::int64_t>(has_norm.size()) + 1;
  const at::Tensor moments = at::empty({rows, 2, x.size(1)}, plain.options());
  const at::Tensor u = at::empty_like(x);
  const at::Tensor means = at::empty({x.size(0), x.size(1)}, plain.options());
  const CudaBranches branches(x, moments, parameters, rates, has_norm, eps);
  dw_conv3d_forward_together_cuda(
      branches.passes.z, in<float>(x), branches.kernels, branches.passes.stream);
  const at::Tensor room = branches.room();
  reparam_norms_cuda(out<float>(u), out<float>(means), out<float>(room), branches.passes);
  return {u, means, moments};
}

Tensors reparam_backward_on_cuda(const at::Tensor& du,
                                 const std::optional<at::Tensor>& dmeans,
                                 const at::Tensor& x,
                                 const at::Tensor& moments,
                                 at::TensorList parameters,
                                 at::IntArrayRef rates,
                                 at::IntArrayRef has_norm,
                                 at::ArrayRef<double> eps) {
  const c10::DeviceGuard guard(x.device());
  const CudaBranches branches(x, moments, parameters, rates, has_norm, eps);
  const ReparamPasses& passes = branches.passes;
  const DwConv3dTogether& kernels = branches.kernels;
  Tensors gradients{at::empty_like(x)};
  for (const at::Tensor& parameter : parameters) gradients.push_back(at::empty_like(parameter));
  std::size_t next = 1;
  const auto write = [&] { return out<float>(gradients[next++]); };
  float* dk[kDwConvMostTogether] = {};
  std::int64_t sums = 0;
  ReparamNormGradients norms{};
  for (std::size_t b = 0; b < has_norm.size(); ++b) {
    dk[b] = write();
    sums += dw_conv3d_partial_elements(kernels.shapes[b]);
    if (has_norm[b] == 0) continue;
    float* weight = write();
    norms.norms[b] = {weight, write()};
  }
  float* weight = write();
  norms.last = {weight, write()};

  dw_conv3d_forward_together_cuda(passes.z, in<float>(x), kernels, passes.stream);
  const at::Tensor dy = at::empty({passes.map()}, branches.z.options());
  const at::Tensor room = branches.room();
  reparam_norms_backward_cuda(norms,
                              out<float>(dy),
                              out<float>(room),
                              in<float>(du),
                              dmeans ? in<float>(*dmeans) : nullptr,
                              passes);
  const at::Tensor dx = at::empty_like(branches.z);
  dw_conv3d_input_gradient_together_cuda(out<float>(dx), passes.z, kernels, passes.stream);
  add_maps_cuda(out<float>(gradients[0]), in<float>(dx), passes);
  const at::Tensor partial = at::empty({sums}, branches.z.options());
  dw_conv3d_weight_gradient_together_cuda(
      dk, out<float>(partial), in<float>(x), passes.z, kernels, passes.stream);
  return gradients;
}

}  // namespace

void add_reparam_depthwise_on_cuda(torch::Library& library) {
  library.impl("reparam_depthwise", &reparam_on_cuda);
  library.impl("reparam_depthwise_backward", &reparam_backward_on_cuda);
}

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { add_reparam_depthwise_on_cuda(library); }

}  // namespace larkspur::model3d
