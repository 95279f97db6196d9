// SPDX-License-Identifier: Apache-2.0
// Inputs that travel in fewer bytes than the network computes in.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// An input [N, ...] as the network takes it, on its own device. uint8 is pictures or clips
/// [N, 3, ...], red, green, blue: normalised (image_statistics.h) to float32, to the bit what a
/// reader makes of them that normalises itself. bfloat16 becomes float32. Others are returned as
/// they are.
at::Tensor float_input(const at::Tensor& input);

}  // namespace larkspur::pipeline
