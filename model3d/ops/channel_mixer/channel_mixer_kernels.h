// SPDX-License-Identifier: Apache-2.0
// The second half of a block on plain memory: what the CPU and CUDA twins promise. No LibTorch.
//
// A sample is [positions][channels], channels last. Row-major everywhere; float32. Letters:
//   N samples, P positions, C channels, K = widened channels.
#pragma once

#include <cstdint>

#include "model3d/kernels/factor_type.h"

namespace larkspur::model3d {

struct ChannelMixerShape {
  std::int64_t n, positions, channels, widened;  ///< all >= 1
  FactorType factors;                            ///< of products
};

constexpr double kGrnEps = 1e-6;

/// Read only.
struct ChannelMixerWeights {
  const float* widen;        ///< [K][C]
  const float* widen_bias;   ///< [K]
  const float* grn_gamma;    ///< [K]
  const float* grn_beta;     ///< [K]
  const float* narrow;       ///< [C][K]
  const float* norm_weight;  ///< [C]
  const float* norm_bias;    ///< [C]
  const float* layer_scale;  ///< [C]
  double norm_eps;
};

/// What the forward pass leaves for backward; written by it, read by backward.
struct ChannelMixerSaved {
  float* h;         ///< [N][P][K] before GELU, bias included
  float* norms;     ///< [N][K] of GELU's output over a sample's positions
  float* y;         ///< [N][P][C] before the last norm
  float* mean;      ///< [C] of y over samples and positions
  float* variance;  ///< [C] biased
};

/// Gradients, overwritten.
struct ChannelMixerGradients {
  float* u;            ///< [N][P][C]
  float* gate;         ///< [N][C]
  float* widen;        ///< [K][C]
  float* widen_bias;   ///< [K]
  float* grn_gamma;    ///< [K]
  float* grn_beta;     ///< [K]
  float* narrow;       ///< [C][K]
  float* norm_weight;  ///< [C]
  float* norm_bias;    ///< [C]
  float* layer_scale;  ///< [C]
};

// Sums are taken in an order that follows from the shape alone: down the rows in blocks of 64,
// then blocks, tiles of samples and slices of tiles, each in order. So the bits do not depend on
// the number of threads. Callable from many threads; the work is shared by parallel_for.

/// out = x + keep[n] * layer_scale * norm(y), y = narrow(grn(gelu(widen(u * gate)))), with the
/// moments of y over all samples.
void channel_mixer_forward_cpu(float* out,
                               const ChannelMixerSaved& saved,
                               const float* x,
                               const float* u,
                               const float* gate,
                               const float* keep,
                               const ChannelMixerWeights& weights,
                               const ChannelMixerShape& shape);

/// In evaluation: out = x + y * scale + shift, [C] both; `weights` without norm and layer scale.
void channel_mixer_evaluate_cpu(float* out,
                                const float* x,
                                const float* u,
                                const float* gate,
                                const float* scale,
                                const float* shift,
                                const ChannelMixerWeights& weights,
                                const ChannelMixerShape& shape);

/// From dout [N][P][C]; the gradient for x is dout itself.
void channel_mixer_backward_cpu(const ChannelMixerGradients& gradients,
                                const ChannelMixerSaved& saved,
                                const float* dout,
                                const float* u,
                                const float* gate,
                                const float* keep,
                                const ChannelMixerWeights& weights,
                                const ChannelMixerShape& shape);

}  // namespace larkspur::model3d
