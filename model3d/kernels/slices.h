// SPDX-License-Identifier: Apache-2.0
// A pass of a GPU over rows of columns, channels last, shared among blocks by sizes alone.
//
//   samples x rows x columns     a sample's rows in slices; a block: one slice x 32 columns; a
//   thread: every 8th row of one column
//
// Sums down the columns are one a slice, added in order by whoever needs them: no order knows the
// GPU. C++17, no torch.
#pragma once

#include <algorithm>
#include <cstdint>

namespace larkspur::model3d {

constexpr int kSliceThreads = 256;
constexpr int kSliceColumns = 32;  ///< of a block: a warp reads them side by side
constexpr int kSliceGroups = kSliceThreads / kSliceColumns;

struct SlicePlan {
  std::int64_t samples, rows, columns;  ///< rows of a sample
  int slices;                           ///< of a sample
  int slice_rows;                       ///< of a slice; its last one may have fewer, but one

  std::int64_t all_slices() const { return samples * slices; }
  std::int64_t tiles() const { return (columns + kSliceColumns - 1) / kSliceColumns; }
  std::int64_t blocks() const { return all_slices() * tiles(); }
};

/// Slices of 64 rows or more, few enough for their sums to be added up by every block that needs
/// them.
inline SlicePlan plan_slices(std::int64_t samples, std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kFewRows = 64;
  constexpr std::int64_t kManySlices = 256;
  const std::int64_t most =
      std::max<std::int64_t>(1, kManySlices / std::max<std::int64_t>(1, samples));
  const std::int64_t wanted = std::clamp<std::int64_t>(rows / kFewRows, 1, most);
  const std::int64_t of_a_slice = (rows + wanted - 1) / wanted;
  const std::int64_t slices = (rows + of_a_slice - 1) / of_a_slice;
  return {samples, rows, columns, static_cast<int>(slices), static_cast<int>(of_a_slice)};
}

}  // namespace larkspur::model3d
