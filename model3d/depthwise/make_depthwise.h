// SPDX-License-Identifier: Apache-2.0
// Which depthwise layer a block has.
#pragma once

#include <memory>

#include "model3d/depthwise/depthwise_layer.h"

namespace larkspur::model3d {

struct DepthwiseOptions {
  std::int64_t channels = 0;
  Extent3 taps{3, 3, 3};                           ///< branches from kFewestLargeTaps on
  TimePadding time_padding = TimePadding::kZeros;  ///< of D
  bool separable_time = false;  ///< space and time in kernels of their own (SeparableDepthwise)
};

std::unique_ptr<DepthwiseLayer> make_depthwise(const DepthwiseOptions& options);

}  // namespace larkspur::model3d
