// SPDX-License-Identifier: Apache-2.0
// How channel_mixer's CPU twin walks a batch: what forward and backward share.
//
//   batch = slices (one thread each, weight gradients of their own) of tiles (rows of one product)
//   of samples (GRN's norm) of blocks of rows (float sums)
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "model3d/kernels/instruction_set.h"
#include "model3d/ops/channel_mixer/channel_mixer_kernels.h"
#include "model3d/ops/channel_mixer/channel_mixer_loops.h"

namespace larkspur::model3d {

inline constexpr double kGrnEps = 1e-6;

inline const MixerLoops& fastest_mixer_loops() { return mixer_loops(fastest_instruction_set()); }

/// Samples [first, first + count).
struct MixerTile {
  std::int64_t first, count;
};

/// As few tiles as keep a product's rows near 256, all about as large. A function of the shape.
inline std::vector<MixerTile> mixer_tiles(const ChannelMixerShape& shape) {
  constexpr std::int64_t kRows = 256;
  const std::int64_t most =
      std::max<std::int64_t>(1, (kRows + shape.positions - 1) / shape.positions);
  const std::int64_t tiles = (shape.n + most - 1) / most;
  std::vector<MixerTile> list;
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t count = shape.n / tiles + (i < shape.n % tiles ? 1 : 0);
    list.push_back({first, count});
    first += count;
  }
  return list;
}

/// Calls block(first row, rows) for at most 64 rows at a time.
template <typename Block>
void for_row_blocks(std::int64_t rows, const Block& block) {
  constexpr std::int64_t kBlock = 64;
  for (std::int64_t row = 0; row < rows; row += kBlock) block(row, std::min(kBlock, rows - row));
}

/// Sums down columns: every block of rows by itself, then added.
class ColumnSums {
 public:
  explicit ColumnSums(std::int64_t columns)
      : total_(static_cast<std::size_t>(columns)), block_(static_cast<std::size_t>(columns)) {}

  void clear() { std::fill(total_.begin(), total_.end(), 0.0F); }
  float* block() { return block_.data(); }  ///< zeros at first and after each add_block
  void add_block() {
    for (std::size_t i = 0; i < total_.size(); ++i) total_[i] += std::exchange(block_[i], 0.0F);
  }
  const float* data() const { return total_.data(); }
  float operator[](std::int64_t i) const { return total_[static_cast<std::size_t>(i)]; }

 private:
  std::vector<float> total_, block_;
};

/// GRN (Woo et al. 2023, arXiv 2301.00808, section 3): response[k] = norms[k] / (their mean + eps).
/// Returns that divisor.
inline float grn_divisor(const float* norms, std::int64_t columns) {
  double sum = 0.0;
  for (std::int64_t k = 0; k < columns; ++k) sum += norms[k];
  return static_cast<float>(sum / static_cast<double>(columns) + kGrnEps);
}

/// What GRN multiplies each channel by: scale[k] = gamma[k] * response[k] + 1.
inline void grn_scale(
    float* scale, const float* gamma, const float* norms, float divisor, std::int64_t columns) {
  for (std::int64_t k = 0; k < columns; ++k) scale[k] = gamma[k] * (norms[k] / divisor) + 1.0F;
}

}  // namespace larkspur::model3d
