// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/fused_depthwise.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "model3d/ops/reparam_depthwise/reparam_depthwise.h"

namespace larkspur::model3d {
namespace {

ReparamNormTensors tensors_of(const BatchNorm& norm) {
  return {norm.weight(), norm.bias(), norm.eps()};
}

std::vector<ReparamBranchTensors> operands_of(const std::vector<DepthwiseBranch>& branches) {
  std::vector<ReparamBranchTensors> operands;
  for (const DepthwiseBranch& branch : branches) {
    operands.push_back({branch.conv->weight(),
                        branch.conv->rate(),
                        branch.norm != nullptr ? tensors_of(*branch.norm) : ReparamNormTensors{}});
  }
  return operands;
}

/// The biases of a merged layer as a norm: of mean 0, variance 1, weight 1.
ReparamNormTensors bias_of(const std::vector<DepthwiseBranch>& branches, std::int64_t channels) {
  ReparamNormTensors norm{at::ones({channels}), at::zeros({channels}), 0.0};
  for (const DepthwiseBranch& branch : branches) {
    if (branch.conv->bias().defined()) norm.bias.add_(branch.conv->bias());
  }
  return norm;
}

}  // namespace

bool can_fuse(const DepthwiseLayer& layer) {
  const std::vector<DepthwiseBranch> branches = layer.branches();
  return std::all_of(branches.begin(), branches.end(), [](const DepthwiseBranch& branch) {
    return branch.conv->padding() == TimePadding::kZeros;
  });
}

NormedMap fused_depthwise(const DepthwiseLayer& layer,
                          const BatchNorm& norm,
                          const at::Tensor& x_NCDHW,
                          std::vector<RunningStep>& steps) {
  const std::vector<DepthwiseBranch> branches = layer.branches();
  const ReparamDepthwiseResult result =
      reparam_depthwise(x_NCDHW, operands_of(branches), tensors_of(norm));
  const std::int64_t values = x_NCDHW.numel() / x_NCDHW.size(1);
  for (std::size_t b = 0; b <= branches.size(); ++b) {
    const BatchNorm* own = b < branches.size() ? branches[b].norm : &norm;
    if (own == nullptr) continue;
    const at::Tensor moments = result.moments[static_cast<std::int64_t>(b)];
    own->add_running_steps(steps, moments[0], moments[1], values);
  }
  return {result.u, result.means_NC};
}

NormedMap evaluate_fused_depthwise(const DepthwiseLayer& layer,
                                   const BatchNorm* norm,
                                   const at::Tensor& x_NCDHW) {
  const std::vector<DepthwiseBranch> branches = layer.branches();
  const std::int64_t channels = x_NCDHW.size(1);
  const auto count = static_cast<std::int64_t>(branches.size());
  at::Tensor moments = at::zeros({count + 1, 2, channels});
  moments.select(1, 1).fill_(1.0);
  for (std::int64_t b = 0; b <= count; ++b) {
    const BatchNorm* own = b < count ? branches[static_cast<std::size_t>(b)].norm : norm;
    if (own == nullptr) continue;
    moments[b][0].copy_(own->running_mean());
    moments[b][1].copy_(own->running_var());
  }
  const ReparamNormTensors last = norm != nullptr ? tensors_of(*norm) : bias_of(branches, channels);
  const ReparamDepthwiseResult result =
      reparam_depthwise(x_NCDHW, operands_of(branches), last, moments);
  return {result.u, result.means_NC};
}

}  // namespace larkspur::model3d
