// SPDX-License-Identifier: Apache-2.0
// How a coded frame is turned to be seen: one of the eight ways to lay a rectangle on another.
//
//   shown (x', y') = matrix . coded (x, y)          a b   x' = a x + c y
//                                                   c d   y' = b x + d y
//
// The matrix: ISO/IEC 14496-12, track header.
#pragma once

#include <cstdint>

namespace larkspur::readers {

/// Rows and columns are swapped first, then the result is flipped in the axes people see.
struct Orientation {
  bool is_swapped = false;
  bool flips_x = false;
  bool flips_y = false;

  bool operator==(const Orientation&) const = default;
};

/// The nearest of the eight to a display matrix of nine numbers (a b u c d v x y w); scale and
/// shift do not count. nullptr and a matrix of zeros are the identity.
Orientation orientation_of(const std::int32_t* matrix);

/// Pixels of 3 bytes, rows `row_bytes` apart.
struct PixelRows {
  std::uint8_t* rgb;
  std::int64_t row_bytes;
};

/// Writes the frame `coded` of width x height to `shown`, which must not overlap it and is height
/// x width where the orientation swaps.
void turn(PixelRows shown,
          PixelRows coded,
          std::int64_t width,
          std::int64_t height,
          Orientation orientation);

}  // namespace larkspur::readers
