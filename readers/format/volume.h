// SPDX-License-Identifier: Apache-2.0
// A shape as a cube of cells, full or empty: what 3DShapeNets was trained on.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::readers {

/// Cells in [1, kLargestVolumeSide]^3, one at least full.
struct Volume {
  at::Tensor cells;  ///< uint8 [n, n, n], 0 or 1, along z, y, x; CPU, contiguous

  std::int64_t full = 0;  ///< cells that are 1

  std::int64_t side() const { return cells.size(0); }
};

inline constexpr std::int64_t kLargestVolumeSide = 256;

}  // namespace larkspur::readers
