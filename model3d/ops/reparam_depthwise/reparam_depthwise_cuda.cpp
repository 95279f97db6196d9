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

/// What both directions make of an op's arguments; maps of type T.
template <typename T>
struct CudaBranches {
  ReparamPasses<T> passes{};
  DwConv3dTogether kernels{};
  at::Tensor z;  ///< [branches] maps
  at::TensorOptions floats;

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
    z = at::empty({passes.branches, passes.map()}, moments.options().dtype(x.scalar_type()));
    passes.z = out<T>(z);
    floats = moments.options();
  }

  /// Of sums.
  at::Tensor room(std::int64_t elements) const { return at::empty({elements}, floats); }
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
  with_cuda_type("reparam_depthwise", x, [&](auto type) {
    using T = decltype(type);
    const CudaBranches<T> branches(x, moments, parameters, rates, has_norm, eps);
    const ReparamPasses<T>& passes = branches.passes;
    dw_conv3d_forward_together_cuda(passes.z, in<T>(x), branches.kernels, passes.stream);
    const at::Tensor room = branches.room(passes.room());
    reparam_norms_cuda(out<T>(u), out<float>(means), out<float>(room), passes);
  });
  return {u, means, moments};
}

/// Where the gradients of parameters go.
struct BranchGradients {
  float* dk[kDwConvMostTogether] = {};
  ReparamNormGradients norms{};

  BranchGradients(at::TensorList of_parameters, at::IntArrayRef has_norm) {
    std::size_t next = 0;
    const auto write = [&] { return out<float>(of_parameters[next++]); };
    for (std::size_t b = 0; b < has_norm.size(); ++b) {
      dk[b] = write();
      if (has_norm[b] == 0) continue;
      float* weight = write();
      norms.norms[b] = {weight, write()};
    }
    float* weight = write();
    norms.last = {weight, write()};
  }
};

template <typename T>
void backward_of(const at::Tensor& dx,
                 const BranchGradients& to,
                 const at::Tensor& du,
                 const float* dmeans,
                 const at::Tensor& x,
                 const CudaBranches<T>& branches) {
  const ReparamPasses<T>& passes = branches.passes;
  const DwConv3dTogether& kernels = branches.kernels;
  dw_conv3d_forward_together_cuda(passes.z, in<T>(x), kernels, passes.stream);
  const at::Tensor dy = branches.room(passes.map());
  const at::Tensor room = branches.room(passes.room());
  reparam_norms_backward_cuda(
      to.norms, out<float>(dy), out<float>(room), in<T>(du), dmeans, passes);
  const at::Tensor dx_parts = at::empty_like(branches.z);
  dw_conv3d_input_gradient_together_cuda(out<T>(dx_parts), passes.z, kernels, passes.stream);
  add_maps_cuda(out<T>(dx), in<T>(dx_parts), passes);
  std::int64_t sums = 0;
  for (int b = 0; b < kernels.count; ++b) sums += dw_conv3d_partial_elements(kernels.shapes[b]);
  dw_conv3d_weight_gradient_together_cuda(
      to.dk, out<float>(branches.room(sums)), in<T>(x), passes.z, kernels, passes.stream);
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
  Tensors gradients{at::empty_like(x)};
  for (const at::Tensor& parameter : parameters) gradients.push_back(at::empty_like(parameter));
  const BranchGradients to(at::TensorList(gradients).slice(1), has_norm);
  with_cuda_type("reparam_depthwise", x, [&](auto type) {
    const CudaBranches<decltype(type)> branches(x, moments, parameters, rates, has_norm, eps);
    backward_of(gradients[0], to, du, dmeans ? in<float>(*dmeans) : nullptr, x, branches);
  });
  return gradients;
}

}  // namespace

void add_reparam_depthwise_on_cuda(torch::Library& library) {
  library.impl("reparam_depthwise", &reparam_on_cuda);
  library.impl("reparam_depthwise_backward", &reparam_backward_on_cuda);
}

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { add_reparam_depthwise_on_cuda(library); }

}  // namespace larkspur::model3d
