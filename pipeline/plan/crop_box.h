// SPDX-License-Identifier: Apache-2.0
// A part of a picture, and how one is drawn at random.
#pragma once

#include <cstdint>
#include <optional>

#include "pipeline/rng.h"

namespace larkspur::pipeline {

/// Whole pixels of a picture; lies inside it, both sides > 0 where nothing else is said.
struct CropBox {
  std::int64_t left = 0;
  std::int64_t top = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;

  bool operator==(const CropBox&) const = default;
};

/// What a box is drawn from: a share of the picture's area and a ratio of its sides, uniform in its
/// logarithm (Szegedy et al. 2015, arXiv 1409.4842, section 6).
struct BoxRange {
  double area_min = 1.0;    ///< share of the picture's area, in (0, 1]
  double area_max = 1.0;    ///< >= area_min, <= 1
  double aspect_max = 1.0;  ///< width over height in [1 / aspect_max, aspect_max], >= 1
};

/// A box at a random place of a picture of width x height: the first of ten draws that fits into
/// it, with `is_part` the first that is also smaller than it on either side; nothing where none
/// does.
std::optional<CropBox> drawn_box(const BoxRange& range,
                                 std::int64_t width,
                                 std::int64_t height,
                                 CounterRng& rng,
                                 bool is_part = false);

}  // namespace larkspur::pipeline
