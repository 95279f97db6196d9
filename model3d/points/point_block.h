// SPDX-License-Identifier: Apache-2.0
// A residual block on the points of a cloud, beside each point its neighbours.
//
//   t = linear(x)                                  C
//   x = x + LayerNorm(max over the neighbours q of t[q] - t[p])
//   x = x + linear(GELU(LayerNorm(linear(x))))     C -> 2C -> C
//
// Decoupled local aggregation (DeLA, Chen et al. 2023, arXiv 2308.16532, section 3.2): the first
// step looks at neighbours and learns one linear map, the second learns at each point alone. Its
// norms are BatchNorms; these look at one point only.
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/layer_norm.h"
#include "model3d/layers/linear.h"
#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Times the channels, inside the second step.
inline constexpr std::int64_t kPointWiden = 2;

/// Owns its parameters. Not thread-safe. Bits as points/neighbourhood.h has them.
class PointBlock {
 public:
  explicit PointBlock(std::int64_t channels);

  /// x [N,P,C], nearest int64 [N,P,k] as nearest_points() gives it, to [N,P,C].
  at::Tensor forward(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk) const;

  /// "around.*", "around_norm.*", "wide.*", "wide_norm.*", "narrow.*".
  void add_to(const StateDict& state) const;

 private:
  Linear around_;
  LayerNorm around_norm_;
  Linear wide_;
  LayerNorm wide_norm_;
  Linear narrow_;
};

}  // namespace larkspur::model3d
