// SPDX-License-Identifier: Apache-2.0
// Branched depthwise convolution with norms on plain memory: what the CPU and CUDA twins promise.
//
//   z_b = x correlated with kernel_b     y = sum over b of norm_b(z_b)     u = norm(y)
//
// Norms by the moments of the batch, a channel each. Maps lie as [n][d][h][w][c]. No LibTorch.
#pragma once

#include <cstdint>

namespace larkspur::model3d {

enum class InstructionSet : std::uint8_t;  // model3d/kernels/instruction_set.h

struct ReparamShape {
  std::int64_t n, c, d, h, w;  ///< all >= 1
};

/// weight null: no norm.
struct ReparamNorm {
  const float* weight;  ///< [c]
  const float* bias;    ///< [c]
  double eps;
};

struct ReparamBranchPlain {
  const float* kernel;  ///< [c][kd][kh][kw]
  std::int64_t taps[3];
  std::int64_t rate[3];
  ReparamNorm norm;
};

/// Of a norm's input over samples and positions.
struct ReparamMoments {
  float* mean;      ///< [c]
  float* variance;  ///< [c] biased
};

/// Gradients of a branch, overwritten; the norm's null where it has none.
struct ReparamBranchGradients {
  float* kernel;
  float* norm_weight;
  float* norm_bias;
};

/// A call's operands. `moments` [branches + 1]: of the branches, then of y; a branch without a norm
/// has none. Written by the forward pass unless they are given, read by backward.
struct ReparamCall {
  ReparamShape shape;
  const float* x;
  const ReparamBranchPlain* branches;
  std::int64_t branch_count;
  ReparamNorm norm;
  const ReparamMoments* moments;
  bool has_moments;  ///< given: running statistics, in evaluation
};

// Every sum has one order that follows from the shape (taps, then positions in blocks of 64, then
// samples, where maps are small one, two or four of them in the same blocks; branch after branch),
// so bits do not depend on threads. Callable from many threads; work is shared by parallel_for.
// `set` null picks the fastest this processor has; sets with fused multiply-add agree bit for bit.

/// Writes u, the mean of u over each sample's positions [n][c], and the moments.
void reparam_depthwise_forward_cpu(float* u,
                                   float* means,
                                   const ReparamCall& call,
                                   const InstructionSet* set = nullptr);

/// From du and dmeans (null: zero). The branches' outputs are computed again. `branches`
/// [branch_count].
void reparam_depthwise_backward_cpu(float* dx,
                                    const ReparamBranchGradients* branches,
                                    float* norm_weight,
                                    float* norm_bias,
                                    const float* du,
                                    const float* dmeans,
                                    const ReparamCall& call,
                                    const InstructionSet* set = nullptr);

}  // namespace larkspur::model3d
