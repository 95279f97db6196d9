// SPDX-License-Identifier: Apache-2.0
// AdamW at the level of pointers: the contract both twins keep. No LibTorch, C++17.
//
// Loshchilov and Hutter 2019 (decoupled weight decay), algorithm 2, bias-corrected, in the order of
// operations of torch.optim.AdamW: decay first, then p -= step_size * m / (sqrt(v) / root_c2 +
// eps).
#pragma once

#include <array>
#include <cstdint>

struct CUstream_st;

namespace larkspur::pipeline {

/// Everything of one step that is the same for all elements.
struct AdamWScalars {
  float gradient_scale = 1.0F;  ///< multiplies every gradient: lane mean times clipping
  float decay = 1.0F;           ///< 1 - learning_rate * weight_decay
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float step_size = 0.0F;         ///< learning_rate / (1 - beta1^t)
  float root_correction2 = 1.0F;  ///< sqrt(1 - beta2^t)
};

/// The scalars as the dispatcher carries them, and back. Every float is exact as a double.
inline std::array<double, 7> pack_adamw_scalars(const AdamWScalars& s) {
  return {s.gradient_scale, s.decay, s.beta1, s.beta2, s.epsilon, s.step_size, s.root_correction2};
}
inline AdamWScalars unpack_adamw_scalars(const double* s) {
  return {static_cast<float>(s[0]),
          static_cast<float>(s[1]),
          static_cast<float>(s[2]),
          static_cast<float>(s[3]),
          static_cast<float>(s[4]),
          static_cast<float>(s[5]),
          static_cast<float>(s[6])};
}

/// One step on n elements, in place; the four arrays do not overlap and lie in the memory of the
/// twin's device. Elementwise, so any split of the range gives the same bits.
void adamw_cpu(float* value,
               float* moment1,
               float* moment2,
               const float* gradient,
               std::int64_t n,
               const AdamWScalars& scalars);

/// The same on the GPU; returns before the work is done. Throws Error{kDevice} if it cannot start.
void adamw_cuda(float* value,
                float* moment1,
                float* moment2,
                const float* gradient,
                std::int64_t n,
                const AdamWScalars& scalars,
                CUstream_st* stream);

/// Launch shape of the CUDA twin: blocks for n elements, at least 1.
constexpr int kAdamWThreads = 256;
constexpr std::int64_t kAdamWMaxBlocks = 4096;  ///< enough to fill any current GPU; then it strides
constexpr std::int64_t adamw_blocks(std::int64_t n) {
  const std::int64_t wanted = (n + kAdamWThreads - 1) / kAdamWThreads;
  return wanted < 1 ? 1 : (wanted > kAdamWMaxBlocks ? kAdamWMaxBlocks : wanted);
}

}  // namespace larkspur::pipeline
