// SPDX-License-Identifier: Apache-2.0
// Strided convolution on plain memory: what the CPU and CUDA twins promise. Maps lie as
// [n][d][h][w][channels]; weight as [outputs][inputs][taps]. No LibTorch.
#pragma once

#include <cstdint>

#include "model3d/kernels/factor_type.h"

namespace larkspur::model3d {

struct StridedConvShape {
  std::int64_t n, inputs, outputs;
  std::int64_t in[3], out[3];  ///< places along d, h, w
  std::int64_t taps[3], stride[3], padding[3];
  FactorType factors;  ///< of products

  std::int64_t positions() const { return out[0] * out[1] * out[2]; }  ///< of an output map
  std::int64_t tap_count() const { return taps[0] * taps[1] * taps[2]; }
  std::int64_t row() const { return tap_count() * inputs; }  ///< what an output place sees
};

// Callable from many threads; the work is shared by parallel_for.

void strided_conv_forward_cpu(float* y,
                              const float* x,
                              const float* weight,
                              const float* bias,
                              const StridedConvShape& shape);

/// dx null: not wanted.
void strided_conv_backward_cpu(float* dx,
                               float* dweight,
                               float* dbias,
                               const float* dy,
                               const float* x,
                               const float* weight,
                               const StridedConvShape& shape);

}  // namespace larkspur::model3d
