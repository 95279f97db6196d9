// SPDX-License-Identifier: Apache-2.0
// The ends of a clip as its first and last frame, repeated for as long as a kernel reaches out.
//
//   taps at frame 0:   w0 w1 | w2 w3 w4        what hangs over sees frame 0 only, so it is one
//   frames:             0  0 | 0  1  2 ...     kernel in space, w0 + w1, over that frame
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/layers/extent.h"

namespace larkspur::model3d {

/// x [N,C,D,H,W] with its first and last frame repeated `frames` times: [N,C,frames + D + frames,
/// H,W].
at::Tensor repeat_ends(const at::Tensor& x_NCDHW, std::int64_t frames);

/// Makes of y, the depthwise convolution of x with zeros around it (`dw_conv3d`), the one with
/// repeated frames at both ends in time and zeros in space. Changes y in place; gradients flow to x
/// and weight.
///
///   y, x    [N,C,D,H,W], D >= 1, also less than the kernel spans
///   weight  [C,1,KD,KH,KW], KD odd
///   rate    positions between taps, >= 1
///
/// Costs KD - 1 convolutions of one frame with KH x KW taps, or 2 * ceil(D / rate) where that is
/// less; `dw_conv3d` itself takes nearly KD * D of them.
void add_repeated_ends(at::Tensor& y_NCDHW,
                       const at::Tensor& x_NCDHW,
                       const at::Tensor& weight_C1KKK,
                       const Extent3& rate);

}  // namespace larkspur::model3d
