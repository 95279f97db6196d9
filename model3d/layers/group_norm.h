// SPDX-License-Identifier: Apache-2.0
// GroupNorm (Wu and He 2018, arXiv 1803.08494), epsilon 1e-5: a sample's statistics are its own, so
// small lanes do it no harm.
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

/// Owns weight (from 1) and bias (from 0), both [C]. Not thread-safe.
class GroupNorm {
 public:
  /// Groups of `channels` / `groups` consecutive channels, without a remainder.
  GroupNorm(std::int64_t channels, std::int64_t groups);

  /// x [N,C,...]: each group of a sample normalised over its channels and places; same shape.
  at::Tensor forward(const at::Tensor& x) const;

  /// "weight" and "bias".
  void add_to(const StateDict& state) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  std::int64_t groups_;
};

}  // namespace larkspur::model3d
