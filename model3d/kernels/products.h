// SPDX-License-Identifier: Apache-2.0
// Matrix products on plain memory.
//
// Every element is one sum, from what it begins with over its terms in ascending order, product and
// sum fused where the processor does that: bits depend on neither the number of rows of a call, nor
// threads, nor which of the fused instruction sets runs. Each call runs on the calling thread;
// callers share rows out.
#pragma once

#include <cstdint>

#include "model3d/kernels/factor_type.h"
#include "model3d/kernels/instruction_set.h"
#include "model3d/kernels/scratch.h"

namespace larkspur::model3d {

struct ProductLoops;

/// A matrix [rows][columns], rows one after the other.
struct RowMajor {
  const float* data;
  std::int64_t rows, columns;
};

enum class Transposed : bool { kNo, kYes };

/// How products are done; by default as this processor does them fastest.
struct ProductKind {
  FactorType factors = FactorType::kFloat32;
  InstructionSet set = fastest_instruction_set();
};

/// The right side of products as the kernels read it: packed once, then read by any thread.
class PackedMatrix {
 public:
  /// Of b, or of b^T. Throws std::bad_alloc.
  explicit PackedMatrix(const RowMajor& b,
                        Transposed transposed = Transposed::kNo,
                        const ProductKind& kind = {});

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }

  /// c [a.rows][columns()] = a times this, every row's sums beginning at `start` [columns()] (null:
  /// zero); a.columns is rows().
  void multiply(float* c, const RowMajor& a, const float* start = nullptr) const;

 private:
  const ProductLoops& loops_;
  std::int64_t rows_, columns_;
  Scratch panels_;
};

/// to [from.columns][to_pitch] = from^T
void transpose(float* to, std::int64_t to_pitch, const RowMajor& from);

/// to += from
void add(float* to, const float* from, std::int64_t count);

/// c [a.columns][b.columns] += a^T b; a.rows is b.rows, the number of terms.
void add_transposed_product(float* c,
                            const RowMajor& a,
                            const RowMajor& b,
                            const ProductKind& kind = {});

}  // namespace larkspur::model3d
