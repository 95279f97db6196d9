// SPDX-License-Identifier: Apache-2.0
// The first half of a block in training as one op, with gradients: depthwise branches, each with
// its BatchNorm, their sum, the norm behind it (UniRepLKNet, arXiv 2311.15599, section 3.2, figure
// 2).
//
//   x --+-- dwconv K           -- BN --+
//       +-- dwconv k1, rate r1 -- BN --+-- sum -- BN -- u, and its mean over each sample's map
//       +-- ...                        |
//
// The same mathematics as the layers one by one, which are the specification
// (model3d/depthwise/dilated_reparam_block.h). Branch outputs live in cache, a group of channels at
// a time, and are computed again for backward: x is all that is kept.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// weight and bias [C]; undefined: no norm.
struct ReparamNormTensors {
  at::Tensor weight;
  at::Tensor bias;
  double eps = 1e-5;
};

struct ReparamBranchTensors {
  at::Tensor kernel;  ///< [C,1,KD,KH,KW], odd taps
  std::array<std::int64_t, 3> rate{1, 1, 1};
  ReparamNormTensors norm;
};

struct ReparamDepthwiseResult {
  at::Tensor u;         ///< [N,C,D,H,W], channels last
  at::Tensor means_NC;  ///< of u over D, H, W
  at::Tensor moments;   ///< [branches + 1, 2, C]: mean and biased variance over the batch of what
                        ///< each norm reads, the last one's at the end; no gradient
};

/// x [N,C,D,H,W] float32 (copied if not channels last), on a GPU also bfloat16 and float16; u is as
/// x, all else float32; 1 to 8 branches; stride 1, zeros outside. In 16 bits the branches' outputs,
/// u and the gradients of both and of x are rounded where they are stored; the sum of branches, its
/// gradient, moments and means are not. First derivatives for x and every parameter. The bits
/// depend on neither threads nor layout. Thread-safe; uses ATen's intra-op threads.
ReparamDepthwiseResult reparam_depthwise(const at::Tensor& x_NCDHW,
                                         const std::vector<ReparamBranchTensors>& branches,
                                         const ReparamNormTensors& norm);

/// The same by given moments [branches + 1, 2, C] float32, as running statistics are in evaluation;
/// rows of branches without a norm are not read. Throws kUnsupported where gradients are recorded.
ReparamDepthwiseResult reparam_depthwise(const at::Tensor& x_NCDHW,
                                         const std::vector<ReparamBranchTensors>& branches,
                                         const ReparamNormTensors& norm,
                                         const at::Tensor& moments);

}  // namespace larkspur::model3d
