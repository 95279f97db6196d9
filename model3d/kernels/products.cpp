// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/products.h"

#include <algorithm>

#include "model3d/kernels/products_loops.h"

namespace larkspur::model3d {
namespace {

/// Calls panel(first column, columns, floats of its rows) from left to right; full panels are two
/// vectors wide, so a panel begins behind `first column` times the number of terms.
template <typename Panel>
void for_panels(std::int64_t columns, std::int64_t lanes, const Panel& panel) {
  for (std::int64_t first = 0; first < columns; first += 2 * lanes) {
    const std::int64_t here = std::min(2 * lanes, columns - first);
    panel(first, here, here > lanes ? 2 * lanes : lanes);
  }
}

/// to [rows][width] = columns [first, first + count) of from, zeros beyond.
void pack_panel(float* to,
                std::int64_t width,
                const RowMajor& from,
                std::int64_t first,
                std::int64_t count) {
  for (std::int64_t row = 0; row < from.rows; ++row) {
    std::copy_n(from.data + row * from.columns + first, count, to + row * width);
    std::fill(to + row * width + count, to + (row + 1) * width, 0.0F);
  }
}

/// The same of from^T: its columns are rows of from.
void pack_transposed_panel(float* to,
                           std::int64_t width,
                           const RowMajor& from,
                           std::int64_t first,
                           std::int64_t count,
                           const ProductLoops& loops) {
  const std::int64_t whole = count / loops.lanes * loops.lanes;
  for (std::int64_t lane = 0; lane < whole; lane += loops.lanes) {
    const float* rows = from.data + (first + lane) * from.columns;
    loops.transpose(to + lane, width, rows, from.columns, from.columns);
  }
  for (std::int64_t lane = whole; lane < count; ++lane) {
    const float* row = from.data + (first + lane) * from.columns;
    for (std::int64_t i = 0; i < from.columns; ++i) to[i * width + lane] = row[i];
  }
  for (std::int64_t i = 0; count < width && i < from.columns; ++i) {
    std::fill(to + i * width + count, to + (i + 1) * width, 0.0F);
  }
}

}  // namespace

PackedMatrix::PackedMatrix(const RowMajor& b, Transposed transposed, InstructionSet set)
    : rows_(transposed == Transposed::kYes ? b.columns : b.rows),
      columns_(transposed == Transposed::kYes ? b.rows : b.columns),
      set_(set) {
  const ProductLoops& loops = product_loops(set);
  const std::int64_t vectors = (columns_ + loops.lanes - 1) / loops.lanes;
  panels_ = make_scratch(vectors * loops.lanes * rows_);
  for_panels(columns_, loops.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t width) {
    float* panel = panels_.get() + first * rows_;
    if (transposed == Transposed::kYes) {
      pack_transposed_panel(panel, width, b, first, count, loops);
    } else {
      pack_panel(panel, width, b, first, count);
    }
  });
}

void PackedMatrix::multiply(float* c, const RowMajor& a) const {
  const ProductLoops& loops = product_loops(set_);
  for_panels(columns_, loops.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t) {
    const float* panel = panels_.get() + first * rows_;
    loops.multiply({c + first, columns_, a.data, a.columns, panel, a.rows, count, rows_});
  });
}

void add_transposed_product(float* c, const RowMajor& a, const RowMajor& b, InstructionSet set) {
  const ProductLoops& loops = product_loops(set);
  const Scratch panel = make_scratch(2 * loops.lanes * b.rows);
  for_panels(
      b.columns, loops.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t width) {
        pack_panel(panel.get(), width, b, first, count);
        loops.add_transposed(
            {c + first, b.columns, a.data, a.columns, panel.get(), a.columns, count, b.rows});
      });
}

}  // namespace larkspur::model3d
