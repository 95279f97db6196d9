// SPDX-License-Identifier: Apache-2.0
// 16-bit floats as they lie in memory, for kernels that know no torch. C++17.
#pragma once

#include <cstdint>

namespace larkspur::model3d {

/// The upper half of a float32.
struct Bfloat16 {
  std::uint16_t bits;
};

/// IEEE 754 binary16.
struct Float16 {
  std::uint16_t bits;
};

}  // namespace larkspur::model3d
