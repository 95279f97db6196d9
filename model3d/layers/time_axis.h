// SPDX-License-Identifier: Apache-2.0
// What can be chosen about the D axis of a map where it is time. Words only, no tensors.
#pragma once

#include <cstdint>

namespace larkspur::model3d {

/// What a convolution with more than one tap in time sees before the first frame and behind the
/// last: nothing, or that frame again and again.
enum class TimePadding : std::uint8_t { kZeros, kReplicate };

/// How a kernel of pictures [.., H, W] fills one with T taps in time: as the middle tap with zeros
/// around it, or divided by T as every tap.
enum class Inflation : std::uint8_t { kCentre, kMean };

}  // namespace larkspur::model3d
