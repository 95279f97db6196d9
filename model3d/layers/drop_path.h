// SPDX-License-Identifier: Apache-2.0
// Random depth (Huang et al. 2016, arXiv 1603.09382): in training a sample may skip a block's
// residual.
#pragma once

#include <cstdint>
#include <vector>

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

  /// What forward multiplies each sample of x by: float32 [N] where x is, ones where it returns x.
  /// Those of the pass, if it has any.
  at::Tensor factors(const at::Tensor& x, const Pass& pass) const;

  /// The same to host memory [samples].
  void write_factors(float* to, std::int64_t samples, const Pass& pass) const;

 private:
  bool skips(const Pass& pass) const;
};

/// Factors of several blocks for the samples of x, [N] each where x is: one copy, not one a block.
std::vector<at::Tensor> drop_path_factors(const std::vector<DropPath>& blocks,
                                          const at::Tensor& x,
                                          const Pass& pass);

}  // namespace larkspur::model3d
