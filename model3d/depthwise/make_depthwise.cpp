// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/make_depthwise.h"

#include "model3d/depthwise/dilated_reparam_block.h"
#include "model3d/depthwise/separable_depthwise.h"

namespace larkspur::model3d {
namespace {

/// With all axes in one kernel.
std::unique_ptr<DepthwiseLayer> make_dense(const DepthwiseOptions& options, const Extent3& taps) {
  if (largest(taps) < kFewestLargeTaps) {
    return std::make_unique<SmallDepthwise>(options.channels, taps, options.time_padding);
  }
  return std::make_unique<DilatedReparamBlock>(DilatedReparamOptions{
      .channels = options.channels, .taps = taps, .time_padding = options.time_padding});
}

}  // namespace

std::unique_ptr<DepthwiseLayer> make_depthwise(const DepthwiseOptions& options) {
  const auto [time, height, width] = options.taps;
  if (!options.separable_time || time == 1) return make_dense(options, options.taps);
  return std::make_unique<SeparableDepthwise>(
      make_dense(options, {1, height, width}), options.channels, time, options.time_padding);
}

}  // namespace larkspur::model3d
