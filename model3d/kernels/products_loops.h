// SPDX-License-Identifier: Apache-2.0
// Products of one panel, two vectors of columns at most, as each instruction set compiles them.
//
// A word is what a lane multiplies at a time: one float, or two bfloat16 of successive terms (the
// earlier one low) in the bits of a float.
#pragma once

#include <cstdint>

#include "model3d/kernels/instruction_set.h"

namespace larkspur::model3d {

/// c [rows][columns] from a [rows][words] and b [words][one or two vectors], columns beyond zero.
struct ProductPanel {
  float* c;
  std::int64_t c_pitch;  ///< floats from row to row
  const float* a;
  std::int64_t a_pitch;  ///< from row to row, or where a is transposed from word to word
  const float* b;
  std::int64_t rows, columns, words;  ///< columns: 1 to 2 * lanes
  const float* start;                 ///< [columns] that every row's sums begin at; null: zero
};

struct ProductLoops {
  std::int64_t lanes;     ///< floats a vector
  std::int64_t together;  ///< terms a word

  /// c = start + a b
  void (*multiply)(const ProductPanel& panel);

  /// c += a^T b, a [words][rows]; start is not used
  void (*add_transposed)(const ProductPanel& panel);

  /// to [columns][to_pitch] = from [lanes][from_pitch], transposed
  void (*transpose)(float* to,
                    std::int64_t to_pitch,
                    const float* from,
                    std::int64_t from_pitch,
                    std::int64_t columns);

  /// to += from
  void (*add)(float* to, const float* from, std::int64_t count);

  /// Words of two terms each, rounded to the nearest bfloat16; null where a word is a float. Of a
  /// row of `count` terms:
  void (*round_row)(float* words, const float* row, std::int64_t count);
  /// Of two rows of `count` terms, the later one null for zeros:
  void (*round_rows)(float* words, const float* earlier, const float* later, std::int64_t count);
};

extern const ProductLoops kProductsPortable;
extern const ProductLoops kProductsAvx2;
extern const ProductLoops kProductsAvx512;

/// Null where neither processor nor compiler multiplies bfloat16.
const ProductLoops* bfloat16_product_loops();

inline const ProductLoops& product_loops(InstructionSet set) {
  return loops_for(set, kProductsPortable, kProductsAvx2, kProductsAvx512);
}

}  // namespace larkspur::model3d
