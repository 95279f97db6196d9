// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/fused_depthwise.h"

#include <algorithm>

#include "model3d/ops/reparam_depthwise/reparam_depthwise.h"

namespace larkspur::model3d {
namespace {

ReparamNormTensors tensors_of(const BatchNorm& norm) {
  return {norm.weight(), norm.bias(), norm.eps()};
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
                          const at::Tensor& x_NCDHW) {
  const std::vector<DepthwiseBranch> branches = layer.branches();
  std::vector<ReparamBranchTensors> operands;
  for (const DepthwiseBranch& branch : branches) {
    operands.push_back({branch.conv->weight(),
                        branch.conv->rate(),
                        branch.norm != nullptr ? tensors_of(*branch.norm) : ReparamNormTensors{}});
  }
  const ReparamDepthwiseResult result = reparam_depthwise(x_NCDHW, operands, tensors_of(norm));
  const std::int64_t values = x_NCDHW.numel() / x_NCDHW.size(1);
  for (std::size_t b = 0; b <= branches.size(); ++b) {
    const BatchNorm* own = b < branches.size() ? branches[b].norm : &norm;
    if (own == nullptr) continue;
    const at::Tensor moments = result.moments[static_cast<std::int64_t>(b)];
    own->update_running(moments[0], moments[1], values);
  }
  return {result.u, result.means_NC};
}

}  // namespace larkspur::model3d
