// SPDX-License-Identifier: Apache-2.0
// How weights of smaller kernels begin larger ones. A word only, no tensors.
#pragma once

#include <cstdint>

namespace larkspur::model3d {

/// How a depthwise kernel fills one with more taps. A dilated branch is always put into the middle.
enum class Enlargement : std::uint8_t {
  kNone,    ///< it does not: other sizes are refused
  kCentre,  ///< in the middle, zeros around it: the network computes what the smaller one did
  kResize,  ///< the large kernel resized linearly along each axis, taps taken as cells and values
            ///< kept as they are: UpKern of MedNeXt (Roy et al. 2023, arXiv 2303.09975)
};

}  // namespace larkspur::model3d
