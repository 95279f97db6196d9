// SPDX-License-Identifier: Apache-2.0
// What a point's neighbourhood looks like: edge convolution (Wang et al. 2019, arXiv 1801.07829,
// section 3).
//
//   y[p] = max over the k nearest q of  LeakyReLU(GroupNorm(A (x[q] - x[p]) + B x[p]))
//
// Neighbours are nearest in space, whatever the features say.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model3d/layers/group_norm.h"
#include "model3d/layers/pointwise.h"
#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Of the group norms of points.
inline constexpr std::int64_t kPointNormGroups = 4;

struct EdgeOptions {
  std::int64_t inputs = 8;       ///< channels, > 0
  std::int64_t outputs = 64;     ///< channels, a multiple of 4: GroupNorm has four groups
  std::int64_t neighbours = 32;  ///< k >= 1, the point itself among them; of a cloud of fewer, all
};

/// Not thread-safe. Owns its parameters. A forward pass holds a few times N * outputs * P * k
/// values.
class EdgeFeatures {
 public:
  explicit EdgeFeatures(const EdgeOptions& options);

  /// x [N,inputs,P] at points [N,P,3] to [N,outputs,P]. Same input, same bits; gradients for x are
  /// finite also where points coincide, and shared evenly among neighbours that are equal.
  at::Tensor forward(const at::Tensor& x_NCP, const at::Tensor& points_NP3) const;

  /// "difference.weight" (A), "centre.weight" (B), "norm.*".
  void add_to(const StateDict& state) const;

 private:
  std::int64_t neighbours_;
  Pointwise difference_;
  Pointwise centre_;
  GroupNorm norm_;
};

}  // namespace larkspur::model3d
