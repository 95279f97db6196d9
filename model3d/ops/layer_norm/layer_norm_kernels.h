// SPDX-License-Identifier: Apache-2.0
// LayerNorm over the last axis on a GPU, on plain memory. No LibTorch, C++17.
//
//   y = weight * (x - mean) / sqrt(variance + eps) + bias     gelu(y) if asked for
#pragma once

#include <cstdint>

struct CUstream_st;

namespace larkspur::model3d {

constexpr int kLayerNormThreads = 256;  ///< a warp takes a row

/// Rows of `columns` values, one after the other; both >= 1.
struct LayerNormCall {
  std::int64_t rows, columns;
  float eps;
  bool gelu;            ///< behind the norm
  const float* weight;  ///< [columns]
  const float* bias;    ///< [columns]
};

// T one of float, Bfloat16, Float16; sums are float. Memory on the GPU, no overlaps. Bits of a row
// follow from the row, those of the weights' gradients from the sizes. Both return before the work
// is done and throw Error{kDevice} if it cannot start.

/// Writes y and moments: mean, then 1 / deviation, [2][rows].
template <typename T>
void layer_norm_forward_cuda(
    float* y, float* moments, const T* x, const LayerNormCall& call, CUstream_st* stream);

/// Floats of room that backward needs on the GPU.
std::int64_t layer_norm_partial_elements(std::int64_t rows, std::int64_t columns);

/// Overwritten.
template <typename T>
struct LayerNormGradients {
  T* x;
  float* weight;  ///< [columns]
  float* bias;    ///< [columns]
};

template <typename T>
void layer_norm_backward_cuda(const LayerNormGradients<T>& gradients,
                              float* partial,
                              const float* dy,
                              const T* x,
                              const float* moments,
                              const LayerNormCall& call,
                              CUstream_st* stream);

}  // namespace larkspur::model3d
