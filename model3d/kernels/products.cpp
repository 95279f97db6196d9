// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/products.h"

#include <algorithm>

#include "model3d/kernels/products_loops.h"

namespace larkspur::model3d {
namespace {

const ProductLoops& loops_of(const ProductKind& kind) {
  if (kind.factors == FactorType::kBfloat16 && bfloat16_product_loops() != nullptr) {
    return *bfloat16_product_loops();
  }
  return product_loops(kind.set);
}

/// That hold so many terms.
std::int64_t words_of(std::int64_t terms, const ProductLoops& loops) {
  return (terms + loops.together - 1) / loops.together;
}

/// Rows of terms as rows of words: a itself, or rounded into `memory`.
RowMajor in_words(const RowMajor& a, const ProductLoops& loops, Scratch& memory) {
  if (loops.together == 1) return a;
  const std::int64_t words = words_of(a.columns, loops);
  memory = make_scratch(a.rows * words);
  for (std::int64_t row = 0; row < a.rows; ++row) {
    loops.round_row(memory.get() + row * words, a.data + row * a.columns, a.columns);
  }
  return {memory.get(), a.rows, words};
}

/// to [words][to_pitch]: columns [first, first + count) of from, whose rows are terms.
void columns_in_words(float* to,
                      std::int64_t to_pitch,
                      const RowMajor& from,
                      std::int64_t first,
                      std::int64_t count,
                      const ProductLoops& loops) {
  for (std::int64_t row = 0; row < from.rows; row += loops.together) {
    const float* terms = from.data + row * from.columns + first;
    if (loops.together == 1) {
      std::copy_n(terms, count, to);
    } else {
      loops.round_rows(to, terms, row + 1 < from.rows ? terms + from.columns : nullptr, count);
    }
    to += to_pitch;
  }
}

/// Calls panel(first column, columns, floats of its rows) from left to right; full panels are two
/// vectors wide, so a panel begins behind `first column` times the number of words.
template <typename Panel>
void for_panels(std::int64_t columns, std::int64_t lanes, const Panel& panel) {
  for (std::int64_t first = 0; first < columns; first += 2 * lanes) {
    const std::int64_t here = std::min(2 * lanes, columns - first);
    panel(first, here, here > lanes ? 2 * lanes : lanes);
  }
}

/// Zeros behind the first `count` floats of rows of `width`.
void clear_behind(float* rows_begin, std::int64_t rows, std::int64_t count, std::int64_t width) {
  for (std::int64_t i = 0; count < width && i < rows; ++i) {
    std::fill(rows_begin + i * width + count, rows_begin + (i + 1) * width, 0.0F);
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

}  // namespace

PackedMatrix::PackedMatrix(const RowMajor& b, Transposed transposed, const ProductKind& kind)
    : loops_(loops_of(kind)),
      rows_(transposed == Transposed::kYes ? b.columns : b.rows),
      columns_(transposed == Transposed::kYes ? b.rows : b.columns) {
  const std::int64_t lanes = loops_.lanes;
  const std::int64_t words = words_of(rows_, loops_);
  panels_ = make_scratch((columns_ + lanes - 1) / lanes * lanes * words);
  Scratch memory;
  const RowMajor rounded = transposed == Transposed::kYes ? in_words(b, loops_, memory) : b;
  for_panels(columns_, lanes, [&](std::int64_t first, std::int64_t count, std::int64_t width) {
    float* panel = panels_.get() + first * words;
    if (transposed == Transposed::kYes) {
      const float* rows = rounded.data + first * words;
      transpose_rows(panel, width, {rows, count, words}, loops_);
    } else {
      columns_in_words(panel, width, b, first, count, loops_);
    }
    clear_behind(panel, words, count, width);
  });
}

void PackedMatrix::multiply(float* c, const RowMajor& a, const float* start) const {
  const std::int64_t words = words_of(rows_, loops_);
  Scratch memory;
  const RowMajor left = in_words(a, loops_, memory);
  for_panels(columns_, loops_.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t) {
    const float* panel = panels_.get() + first * words;
    const float* here = start == nullptr ? nullptr : start + first;
    loops_.multiply({c + first, columns_, left.data, words, panel, a.rows, count, words, here});
  });
}

void transpose(float* to, std::int64_t to_pitch, const RowMajor& from) {
  transpose_rows(to, to_pitch, from, product_loops(fastest_instruction_set()));
}

void add(float* to, const float* from, std::int64_t count) {
  product_loops(fastest_instruction_set()).add(to, from, count);
}

void add_transposed_product(float* c,
                            const RowMajor& a,
                            const RowMajor& b,
                            const ProductKind& kind) {
  const ProductLoops& loops = loops_of(kind);
  const std::int64_t words = words_of(b.rows, loops);
  Scratch memory;
  const float* left = a.data;
  if (loops.together > 1) {
    memory = make_scratch(words * a.columns);
    columns_in_words(memory.get(), a.columns, a, 0, a.columns, loops);
    left = memory.get();
  }
  const Scratch panel = make_scratch(2 * loops.lanes * words);
  for_panels(
      b.columns, loops.lanes, [&](std::int64_t first, std::int64_t count, std::int64_t width) {
        columns_in_words(panel.get(), width, b, first, count, loops);
        clear_behind(panel.get(), words, count, width);
        loops.add_transposed(
            {c + first, b.columns, left, a.columns, panel.get(), a.columns, count, words, nullptr});
      });
}

}  // namespace larkspur::model3d
