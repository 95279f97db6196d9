// SPDX-License-Identifier: Apache-2.0
// A part of a picture.
#pragma once

#include <cstdint>

namespace larkspur::pipeline {

/// Whole pixels of a picture; lies inside it, both sides > 0 where nothing else is said.
struct CropBox {
  std::int64_t left = 0;
  std::int64_t top = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;

  bool operator==(const CropBox&) const = default;
};

}  // namespace larkspur::pipeline
