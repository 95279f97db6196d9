// SPDX-License-Identifier: Apache-2.0
// What pictures are shifted and scaled by before a network sees them.
#pragma once

#include <array>

namespace larkspur::pipeline {

/// Mean and standard deviation of ImageNet's pictures in red, green and blue, of values in [0, 1]:
/// what published weights were trained with. `Number` is float or double.
template <typename Number>
inline constexpr std::array<Number, 3> kImageMean{Number(0.485), Number(0.456), Number(0.406)};
template <typename Number>
inline constexpr std::array<Number, 3> kImageDeviation{Number(0.229), Number(0.224), Number(0.225)};

}  // namespace larkspur::pipeline
