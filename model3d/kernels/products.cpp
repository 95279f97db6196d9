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
void pack_panel(
    float* to, std::int64_t width, const RowMajor& from, std::int64_t first, std::int64_t count) {
  for (std::int64_t row = 0; row < from.rows; ++row) {
    std::copy_n(from.data + row * from.columns + first, count, to + row * width);
    std::fill(to + row * width + count, to + (row + 1) * width, 0.0F);
  }
}

/// to [from.columns][to_pitch] = from^T, lanes of rows at a time.
void transpose_rows(float* to,
                    std::int64_t to_pitch,
                    const RowMajor& from,
                    const ProductLoops& loops) {
  const std::int64_t whole = from.rows / loops.lanes * loops.lanes;
  for (std::int64_t row = 0; row < whole; row += loops.lanes) {
    const float* rows = from.data + row * from.columns;
    loops.transpose(to + row, to_pitch, rows, from.columns, from.columns);
  }
  for (std::int64_t row = whole; row < from.rows; ++row) {
    const float* values = from.data + row * from.columns;
    for (std::int64_t i = 0; i < from.columns; ++i) to[i * to_pitch + row] = values[i];
  }
}

/// to [from.columns][width] = rows [first, first + count) of from as columns, zeros beyond.
void pack_transposed_panel(float* to,
                           std::int64_t width,
                           const RowMajor& from,
                           std::int64_t first,
                           std::int64_t count,
                           const ProductLoops& loops) {
  const RowMajor part{from.data + first * from.columns, count, from.columns};
  transpose_rows(to, width, part, loops);
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
  for_panels(
      columns_, loops.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t width) {
        float* panel = panels_.get() + first * rows_;
        if (transposed == Transposed::kYes) {
          pack_transposed_panel(panel, width, b, first, count, loops);
        } else {
          pack_panel(panel, width, b, first, count);
        }
      });
}

void PackedMatrix::multiply(float* c, const RowMajor& a, const float* start) const {
  const ProductLoops& loops = product_loops(set_);
  for_panels(columns_, loops.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t) {
    const float* panel = panels_.get() + first * rows_;
    const float* here = start == nullptr ? nullptr : start + first;
    loops.multiply({c + first, columns_, a.data, a.columns, panel, a.rows, count, rows_, here});
  });
}

void transpose(float* to, std::int64_t to_pitch, const RowMajor& from) {
  transpose_rows(to, to_pitch, from, product_loops(fastest_instruction_set()));
}

void add(float* to, const float* from, std::int64_t count) {
  product_loops(fastest_instruction_set()).add(to, from, count);
}

void add_transposed_product(float* c, const RowMajor& a, const RowMajor& b, InstructionSet set) {
  const ProductLoops& loops = product_loops(set);
  const Scratch panel = make_scratch(2 * loops.lanes * b.rows);
  for_panels(
      b.columns, loops.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t width) {
        pack_panel(panel.get(), width, b, first, count);
        loops.add_transposed({c + first,
                              b.columns,
                              a.data,
                              a.columns,
                              panel.get(),
                              a.columns,
                              count,
                              b.rows,
                              nullptr});
      });
}

}  // namespace larkspur::model3d
