// SPDX-License-Identifier: Apache-2.0
// Random depth (Huang et al. 2016, arXiv 1603.09382): in training a sample may skip a block's
// residual.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model3d/layers/pass.h"

namespace larkspur::model3d {

/// A value without state.
struct DropPath {
  double rate = 0.0;       ///< chance to skip, [0, 1)
  std::uint8_t block = 0;  ///< number of the block in the network: separates the draws of blocks

  /// x [N,...] with each sample either zeroed or divided by 1 - rate; x itself outside training, at
  /// rate 0 or where the pass takes every branch. What happens to a sample depends on its key and
  /// the block, not on its neighbours. Throws kInvalidArgument unless pass.keys has N entries.
  at::Tensor forward(const at::Tensor& x, const Pass& pass) const;

  /// What forward multiplies each of `samples` by: float32 [N] on the CPU, ones where it returns x.
  /// `pinned`: in page-locked memory, which needs a GPU.
  at::Tensor factors(std::int64_t samples, const Pass& pass, bool pinned = false) const;

 private:
  bool skips(const Pass& pass) const;
};

}  // namespace larkspur::model3d
