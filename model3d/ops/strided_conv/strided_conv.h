// SPDX-License-Identifier: Apache-2.0
// Strided convolution that mixes all channels, as products over rows of neighbours:
//
//   y[o, p] = bias[o] + sum over taps t, channels c of weight[o, c, t] * x[c, p * stride - padding
//   + t]
//
// A row of the product is what one output place sees: [taps][channels], zeros outside the map.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// x [N,C,D,H,W] float32 on the CPU (copied unless channels last), weight [O,C,KD,KH,KW], bias [O];
/// stride
/// >= 1 and padding >= 0 (on both sides) along D, H and W. Returns [N,O,D',H',W'], channels last,
/// D' = (D + 2 padding - KD) / stride + 1, at least 1. First derivatives for all three. Sums run
/// over taps, then channels, in ascending order from the bias on; gradients of weights over rows of
/// the batch. Bits depend on neither threads nor layout, those of a sample's y and dx on no other
/// sample. Thread-safe; uses ATen's intra-op threads.
at::Tensor strided_conv(const at::Tensor& x_NCDHW,
                        const at::Tensor& weight_OCKKK,
                        const at::Tensor& bias_O,
                        at::IntArrayRef stride,
                        at::IntArrayRef padding);

}  // namespace larkspur::model3d
