// SPDX-License-Identifier: Apache-2.0
// Depthwise N-D convolution with gradients: every channel with its own kernel, on video and voxel
// maps, or on images with D = 1. Written for large kernels and for their gradients, where ATen's
// own depthwise path is far from what the processor can do (README.md has figures).
//
//   dw_conv3d() -- checks, autocast, autograd --> torch's dispatcher --> kernels of a device
//     larkspur::dw_conv3d(x, weight, rate) -> y             CPU: registered here
//     larkspur::dw_conv3d_input_gradient(dy, weight, rate) -> dx
//     larkspur::dw_conv3d_weight_gradient(x, dy, weight_sizes, rate) -> dweight
//
// The ops take operands that dw_conv3d() has checked, in any layout.
#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// y[n,c,p] = sum over taps j of weight[c,0,j] * x[n,c, p + rate * (j - taps/2)], zeros outside:
/// stride 1, cross-correlation, output as large as the input.
///
///   x_NCDHW       [N, C, D, H, W], N >= 0, the others >= 1; any layout
///   weight_C1KKK  [C, 1, KD, KH, KW], taps odd, of any size, also far beyond the map
///   rate          dilation along d, h, w, >= 1
///
/// Returns [N, C, D, H, W]: channels_last_3d if x is that and not plain contiguous, else
/// contiguous. First derivatives for x and weight; taps that reach no position have an exactly
/// zero gradient. Both tensors share dtype and device. float32 on the CPU runs here: same bits for
/// any number of threads and any alignment, and a sample's result does not depend on its batch.
/// float64 on the CPU runs here in plain loops, for checks; a GPU runs the kernels that a library
/// has registered for it; everything else goes to at::convolution. Under autocast both are cast
/// first: to its type on a GPU, to float32 on the CPU.
///
/// Thread-safe; uses ATen's intra-op threads. Throws kInvalidArgument naming the sizes at fault,
/// kUnsupported from a backward pass that asks for second derivatives (on the CPU).
at::Tensor dw_conv3d(const at::Tensor& x_NCDHW,
                     const at::Tensor& weight_C1KKK,
                     const std::array<std::int64_t, 3>& rate = {1, 1, 1});

}  // namespace larkspur::model3d
