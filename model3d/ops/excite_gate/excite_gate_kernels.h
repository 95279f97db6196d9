// SPDX-License-Identifier: Apache-2.0
// Squeeze-and-excite's gate on a GPU, on plain memory. No LibTorch, C++17.
//
//   N samples, C channels, S between: inner = relu(down means + bias), gate = sigmoid(up inner +
//   bias)
#pragma once

#include <cstdint>

struct CUstream_st;

namespace larkspur::model3d {

constexpr int kGateThreads = 256;

/// Read only, but for what the pass at hand writes. Row-major.
struct ExciteGateCall {
  std::int64_t n, channels, squeezed;  ///< all >= 1
  const float* means;                  ///< [N][C]
  const float* down;                   ///< [S][C]
  const float* up;                     ///< [C][S]
  float* inner;                        ///< [N][S], forward writes it
  float* gate;                         ///< [N][C], forward writes it
};

/// Gradients, overwritten.
struct ExciteGateGradients {
  float* means;
  float* down;
  float* down_bias;  ///< [S]
  float* up;
  float* up_bias;  ///< [C]
};

// Both return before the work is done and throw Error{kDevice} if it cannot start. Sums run over
// lanes, then by halves, or over samples in order: bits follow from the sizes.

/// One kernel.
void excite_gate_forward_cuda(const ExciteGateCall& call,
                              const float* down_bias,
                              const float* up_bias,
                              CUstream_st* stream);

/// Two kernels. of_up [N][C] and of_down [N][S] are scratch.
void excite_gate_backward_cuda(const ExciteGateGradients& gradients,
                               float* of_up,
                               float* of_down,
                               const float* dgate,
                               const ExciteGateCall& call,
                               CUstream_st* stream);

}  // namespace larkspur::model3d
