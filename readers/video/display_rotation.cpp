// SPDX-License-Identifier: Apache-2.0
#include "readers/video/display_rotation.h"

#include <cstdlib>

namespace larkspur::readers {
namespace {

// Wider: the smallest number has no absolute value of its own width.
std::int64_t size_of(std::int32_t value) { return std::abs(static_cast<std::int64_t>(value)); }

}  // namespace

Orientation orientation_of(const std::int32_t* matrix) {
  if (matrix == nullptr) return {};
  const std::int32_t a = matrix[0];
  const std::int32_t b = matrix[1];
  const std::int32_t c = matrix[3];
  const std::int32_t d = matrix[4];
  if (size_of(b) + size_of(c) > size_of(a) + size_of(d)) return {true, c < 0, b < 0};
  return {false, a < 0, d < 0};
}

void turn(PixelRows shown,
          PixelRows coded,
          std::int64_t width,
          std::int64_t height,
          Orientation orientation) {
  const std::int64_t shown_width = orientation.is_swapped ? height : width;
  const std::int64_t shown_height = orientation.is_swapped ? width : height;
  std::int64_t step_x = orientation.is_swapped ? coded.row_bytes : 3;
  std::int64_t step_y = orientation.is_swapped ? 3 : coded.row_bytes;
  const std::uint8_t* origin = coded.rgb;
  if (orientation.flips_x) {
    origin += (shown_width - 1) * step_x;
    step_x = -step_x;
  }
  if (orientation.flips_y) {
    origin += (shown_height - 1) * step_y;
    step_y = -step_y;
  }
  for (std::int64_t y = 0; y < shown_height; ++y) {
    const std::uint8_t* from = origin + y * step_y;
    std::uint8_t* to = shown.rgb + y * shown.row_bytes;
    for (std::int64_t x = 0; x < shown_width; ++x, from += step_x, to += 3) {
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
    }
  }
}

}  // namespace larkspur::readers
