// SPDX-License-Identifier: Apache-2.0
// LayerNorm (Ba et al. 2016, arXiv 1607.06450) over the last axis, GELU behind it if asked for, in
// one pass over memory each way.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

enum class Activation : std::uint8_t { kNone, kGelu };

/// x [...,C] (copied unless contiguous), float32 on the CPU, on a GPU also bfloat16 and float16;
/// weight and bias float32 [C]; y in x's shape, float32.
/// First derivatives for all three. A row's bits depend on nothing but the row; those of the
/// weights' gradients on the shape. Thread-safe; uses ATen's intra-op threads.
at::Tensor layer_norm(const at::Tensor& x,
                      const at::Tensor& weight,
                      const at::Tensor& bias,
                      double eps,
                      Activation activation);

}  // namespace larkspur::model3d
