// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/reparam_depthwise/reparam_depthwise.h"

#include <optional>
#include <utility>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "model3d/kernels/find_op.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_group.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast3d;

using Tensors = torch::autograd::variable_list;

/// What is not a tensor: a rate of three and an eps a branch, then the last norm's eps.
struct Layout {
  std::vector<std::int64_t> rates;
  std::vector<std::int64_t> has_norm;
  std::vector<double> eps;
};

/// A call's operands over tensors in the order of parameters_of().
struct Operands {
  std::vector<ReparamBranchPlain> branches;
  std::vector<ReparamMoments> moments;
  ReparamNorm norm{};
  ReparamCall call{};

  Operands(const at::Tensor& x,
           at::TensorList parameters,
           const at::Tensor& all_moments,
           const Layout& layout,
           bool has_moments = false) {
    std::size_t next = 0;
    const auto read = [&] { return parameters[next++].const_data_ptr<float>(); };
    for (std::size_t b = 0; b < layout.has_norm.size(); ++b) {
      const at::Tensor& kernel = parameters[next];
      ReparamBranchPlain branch{};
      branch.kernel = read();
      for (std::int64_t axis = 0; axis < 3; ++axis) {
        branch.taps[axis] = kernel.size(axis + 2);
        branch.rate[axis] = layout.rates[b * 3 + static_cast<std::size_t>(axis)];
      }
      if (layout.has_norm[b] != 0) branch.norm = {read(), read(), layout.eps[b]};
      branches.push_back(branch);
    }
    norm = {read(), read(), layout.eps.back()};
    auto* at = all_moments.mutable_data_ptr<float>();
    for (std::size_t b = 0; b <= branches.size(); ++b, at += 2 * x.size(1)) {
      moments.push_back({at, at + x.size(1)});
    }
    call = {{x.size(0), x.size(1), x.size(2), x.size(3), x.size(4)},
            x.const_data_ptr<float>(),
            branches.data(),
            static_cast<std::int64_t>(branches.size()),
            norm,
            moments.data(),
            has_moments};
  }
};

// The passes in host memory, as the dispatcher calls them.

Tensors reparam_on_cpu(const at::Tensor& x,
                       at::TensorList parameters,
                       at::IntArrayRef rates,
                       at::IntArrayRef has_norm,
                       at::ArrayRef<double> eps) {
  const Layout layout{rates.vec(), has_norm.vec(), eps.vec()};
  const auto branches = static_cast<std::int64_t>(has_norm.size());
  const at::Tensor moments = at::zeros({branches + 1, 2, x.size(1)}, x.options());
  const at::Tensor u = at::empty_like(x);
  const at::Tensor means = at::empty({x.size(0), x.size(1)}, x.options());
  const Operands operands(x, parameters, moments, layout);
  reparam_depthwise_forward_cpu(
      u.mutable_data_ptr<float>(), means.mutable_data_ptr<float>(), operands.call);
  return {u, means, moments};
}

/// Gradients of x and the parameters.
Tensors reparam_backward_on_cpu(const at::Tensor& du,
                                const std::optional<at::Tensor>& dmeans,
                                const at::Tensor& x,
                                const at::Tensor& moments,
                                at::TensorList parameters,
                                at::IntArrayRef rates,
                                at::IntArrayRef has_norm,
                                at::ArrayRef<double> eps) {
  const Layout layout{rates.vec(), has_norm.vec(), eps.vec()};
  const Operands operands(x, parameters, moments, layout);
  Tensors gradients{at::empty_like(x)};
  for (const at::Tensor& parameter : parameters) gradients.push_back(at::empty_like(parameter));
  std::size_t next = 1;
  const auto write = [&] { return gradients[next++].mutable_data_ptr<float>(); };
  std::vector<ReparamBranchGradients> branches;
  for (const std::int64_t norm : has_norm) {
    ReparamBranchGradients branch{write(), nullptr, nullptr};
    if (norm != 0) {
      branch.norm_weight = write();
      branch.norm_bias = write();
    }
    branches.push_back(branch);
  }
  float* norm_weight = write();
  float* norm_bias = write();
  reparam_depthwise_backward_cpu(gradients[0].mutable_data_ptr<float>(),
                                 branches.data(),
                                 norm_weight,
                                 norm_bias,
                                 du.const_data_ptr<float>(),
                                 dmeans ? dmeans->const_data_ptr<float>() : nullptr,
                                 operands.call);
  return gradients;
}

const auto& reparam_op() {
  static const auto op = find_op<decltype(reparam_on_cpu)>("larkspur::reparam_depthwise");
  return op;
}

const auto& reparam_backward_op() {
  static const auto op =
      find_op<decltype(reparam_backward_on_cpu)>("larkspur::reparam_depthwise_backward");
  return op;
}

class ReparamDepthwiseFunction : public torch::autograd::Function<ReparamDepthwiseFunction> {
 public:
  static Tensors forward(torch::autograd::AutogradContext* context,
                         const at::Tensor& x_any,
                         at::TensorList parameters,
                         const Layout& layout) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor x = x_any.contiguous(kChannelsLast);
    const Tensors made =
        reparam_op().call(x, parameters, layout.rates, layout.has_norm, layout.eps);
    Tensors kept{x, made[2]};
    kept.insert(kept.end(), parameters.begin(), parameters.end());
    context->save_for_backward(kept);
    context->saved_data["rates"] = layout.rates;
    context->saved_data["has_norm"] = layout.has_norm;
    context->saved_data["eps"] = layout.eps;
    context->mark_non_differentiable({made[2]});
    context->set_materialize_grads(false);  // theirs would be zeros, filled in vain
    return made;
  }

  static Tensors backward(torch::autograd::AutogradContext* context, const Tensors& outputs) {
    pipeline::require(
        !at::GradMode::is_enabled(),
        pipeline::Errc::kUnsupported,
        "[reparam_depthwise] second derivatives asked for, only first ones are there");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const Tensors kept = context->get_saved_variables();
    const at::Tensor du = outputs[0].defined() ? outputs[0] : at::zeros_like(kept[0]);
    std::optional<at::Tensor> dmeans;
    if (outputs[1].defined()) dmeans = outputs[1].contiguous();
    Tensors gradients = reparam_backward_op().call(du.contiguous(kChannelsLast),
                                                   dmeans,
                                                   kept[0],
                                                   kept[1],
                                                   at::TensorList(kept).slice(2),
                                                   context->saved_data["rates"].toIntVector(),
                                                   context->saved_data["has_norm"].toIntVector(),
                                                   context->saved_data["eps"].toDoubleVector());
    gradients.emplace_back();  // the layout
    return gradients;
  }
};

/// The operands as a list, and what is no tensor of them.
std::pair<Tensors, Layout> listed(const std::vector<ReparamBranchTensors>& branches,
                                  const ReparamNormTensors& norm) {
  pipeline::require(!branches.empty() && branches.size() <= kMostBranches,
                    pipeline::Errc::kInvalidArgument,
                    "[reparam_depthwise] ",
                    branches.size(),
                    " branches, not 1 to ",
                    kMostBranches);
  Layout layout;
  Tensors parameters;
  for (const ReparamBranchTensors& branch : branches) {
    const bool has_norm = branch.norm.weight.defined();
    layout.rates.insert(layout.rates.end(), branch.rate.begin(), branch.rate.end());
    layout.has_norm.push_back(has_norm ? 1 : 0);
    layout.eps.push_back(branch.norm.eps);
    parameters.push_back(branch.kernel);
    if (has_norm) parameters.insert(parameters.end(), {branch.norm.weight, branch.norm.bias});
  }
  layout.eps.push_back(norm.eps);
  parameters.insert(parameters.end(), {norm.weight, norm.bias});
  return {parameters, layout};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(larkspur, library) {
  library.def(
      "reparam_depthwise(Tensor x, Tensor[] parameters, int[] rates, int[] has_norm, float[] eps) "
      "-> Tensor[]");
  library.def(
      "reparam_depthwise_backward(Tensor du, Tensor? dmeans, Tensor x, Tensor moments, "
      "Tensor[] parameters, int[] rates, int[] has_norm, float[] eps) -> Tensor[]");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) {
  library.impl("reparam_depthwise", &reparam_on_cpu);
  library.impl("reparam_depthwise_backward", &reparam_backward_on_cpu);
}

ReparamDepthwiseResult reparam_depthwise(const at::Tensor& x_NCDHW,
                                         const std::vector<ReparamBranchTensors>& branches,
                                         const ReparamNormTensors& norm) {
  const auto [parameters, layout] = listed(branches, norm);
  const Tensors outputs =
      ReparamDepthwiseFunction::apply(x_NCDHW, at::TensorList(parameters), layout);
  return {outputs[0], outputs[1], outputs[2]};
}

ReparamDepthwiseResult reparam_depthwise(const at::Tensor& x_NCDHW,
                                         const std::vector<ReparamBranchTensors>& branches,
                                         const ReparamNormTensors& norm,
                                         const at::Tensor& moments) {
  pipeline::require(!at::GradMode::is_enabled(),
                    pipeline::Errc::kUnsupported,
                    "[reparam_depthwise] moments given where gradients are recorded");
  const at::Tensor x = x_NCDHW.contiguous(kChannelsLast);
  const at::Tensor u = at::empty_like(x);
  const at::Tensor means = at::empty({x.size(0), x.size(1)}, x.options());
  const auto [parameters, layout] = listed(branches, norm);
  const Operands operands(x, parameters, moments, layout, /*has_moments=*/true);
  reparam_depthwise_forward_cpu(
      u.mutable_data_ptr<float>(), means.mutable_data_ptr<float>(), operands.call);
  return {u, means, moments};
}

}  // namespace larkspur::model3d
