// SPDX-License-Identifier: Apache-2.0
// AdamW at the level of pointers: the contract both twins keep. No LibTorch, C++17.
//
// Loshchilov and Hutter 2019 (decoupled weight decay), algorithm 2, bias-corrected, in the order of
// operations of torch.optim.AdamW: decay first, then p -= step_size * m / (sqrt(v) / root_c2 +
// eps).
//
//   value     | . . . # # # # . . # # # ...      pieces of parameters, wherever they lie
//   moments,  | # # # # # # # ...                packed, as is the gradient
#pragma once

#include <array>
#include <cstdint>

struct CUstream_st;

namespace larkspur::pipeline {

/// Everything of one step that is the same for all elements.
struct AdamWScalars {
  float gradient_scale = 1.0F;  ///< multiplies every gradient: lane mean times clipping
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float root_correction2 = 1.0F;  ///< sqrt(1 - beta2^t)
};

/// What is the same for a group of parameters.
struct AdamWRates {
  float step_size = 0.0F;  ///< learning_rate / (1 - beta1^t)
  float decay = 1.0F;      ///< 1 - learning_rate * weight_decay
};

/// A run of elements of one group.
struct AdamWPiece {
  std::int64_t value;     ///< where it begins among the values
  std::int64_t packed;    ///< where among moments and gradient
  std::int64_t elements;  ///< 0 to kAdamWPieceElements
  std::int64_t group;
};

constexpr std::int64_t kAdamWPieceElements = 4096;  ///< a block's work
constexpr std::size_t kAdamWMostGroups = 128;       ///< they travel with the launch
constexpr int kAdamWThreads = 256;

/// Memory of the twin's device, but for rates; the arrays do not overlap, nor do pieces.
struct AdamWCall {
  float* value;
  float* moment1;
  float* moment2;
  const float* gradient;
  const AdamWPiece* pieces;  ///< [count]
  std::int64_t count;
  AdamWScalars scalars;
  AdamWRates rates[kAdamWMostGroups];  ///< by group
};

/// The scalars as the dispatcher carries them, and back. Every float is exact as a double.
inline std::array<double, 5> pack_adamw_scalars(const AdamWScalars& s) {
  return {s.gradient_scale, s.beta1, s.beta2, s.epsilon, s.root_correction2};
}
inline AdamWScalars unpack_adamw_scalars(const double* s) {
  return {static_cast<float>(s[0]),
          static_cast<float>(s[1]),
          static_cast<float>(s[2]),
          static_cast<float>(s[3]),
          static_cast<float>(s[4])};
}

/// One step on all pieces, in place. Elementwise, so any division into pieces gives the same bits.
void adamw_cpu(const AdamWCall& call);

/// The same on the GPU, in one launch; returns before the work is done. Throws Error{kDevice} if it
/// cannot start.
void adamw_cuda(const AdamWCall& call, CUstream_st* stream);

}  // namespace larkspur::pipeline
