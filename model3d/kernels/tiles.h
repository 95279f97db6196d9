// SPDX-License-Identifier: Apache-2.0
// How an op walks a batch of maps [n][positions][channels], by shape alone:
//
//   batch = slices (one thread each, weight gradients of their own) of tiles (rows of one product)
//   of samples of blocks of rows (float sums)
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace larkspur::model3d {

/// Samples [first, first + count).
struct SampleTile {
  std::int64_t first, count;
};

/// As few tiles as keep a product's rows near 256, all about as large. A function of the shape.
inline std::vector<SampleTile> sample_tiles(std::int64_t samples, std::int64_t positions) {
  constexpr std::int64_t kRows = 256;
  const std::int64_t most = std::max<std::int64_t>(1, (kRows + positions - 1) / positions);
  const std::int64_t tiles = (samples + most - 1) / most;
  std::vector<SampleTile> list;
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t count = samples / tiles + (i < samples % tiles ? 1 : 0);
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

}  // namespace larkspur::model3d
