// SPDX-License-Identifier: Apache-2.0
// Matrix products on plain memory, by the library LibTorch brings; one thread each, so that bits
// follow from shapes alone.
#pragma once

#include <cstdint>

namespace larkspur::model3d {

/// A matrix [rows][columns], rows one after the other.
struct RowMajor {
  const float* data;
  std::int64_t rows, columns;
};

/// c [a.rows][b.columns] = a b
void multiply(float* c, const RowMajor& a, const RowMajor& b);

/// c [a.rows][b.rows] = a b^T
void multiply_transposed(float* c, const RowMajor& a, const RowMajor& b);

/// c [a.columns][b.columns] += a^T b
void add_transposed_product(float* c, const RowMajor& a, const RowMajor& b);

}  // namespace larkspur::model3d
