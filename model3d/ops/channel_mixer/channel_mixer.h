// SPDX-License-Identifier: Apache-2.0
// The second half of a block in training as one op, with gradients (UniRepLKNet, arXiv 2311.15599,
// figure 2):
//
//   u -- * gate -- linear C->K -- GELU -- GRN -- linear K->C -- BatchNorm -- layer scale -- drop
//   path -- + x
//
// The same mathematics as the layers one by one (model3d/large_kernel_block.h, which is the
// specification), in few passes: the widened map leaves the cache once forward and comes back once
// backward.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// float32; shares memory with the layers.
struct ChannelMixerParameters {
  at::Tensor widen;        ///< [K,C]
  at::Tensor widen_bias;   ///< [K]
  at::Tensor grn_gamma;    ///< K values
  at::Tensor grn_beta;     ///< K values
  at::Tensor narrow;       ///< [C,K]
  at::Tensor norm_weight;  ///< [C]
  at::Tensor norm_bias;    ///< [C]
  at::Tensor layer_scale;  ///< [C]
  double norm_eps = 1e-5;
};

struct ChannelMixerResult {
  at::Tensor out;       ///< as x
  at::Tensor mean;      ///< [C] of the last norm's input over the batch; no gradient
  at::Tensor variance;  ///< [C] biased; no gradient
};

/// x, u [N,C,D,H,W] (copied if not channels last), gate [N,C], keep [N]: factor of each sample's
/// branch. float32; on a GPU u may be bfloat16 or float16, and then so are factors and results of
/// the products and the maps inside, each rounded once where it is stored; x, out, weights, moments
/// and all sums stay float32. Returns channels-last maps. First derivatives for x, u, gate and
/// every parameter. The bits depend on neither threads nor layout. Thread-safe; uses ATen's
/// intra-op threads.
ChannelMixerResult channel_mixer(const at::Tensor& x_NCDHW,
                                 const at::Tensor& u_NCDHW,
                                 const at::Tensor& gate_NC,
                                 const at::Tensor& keep_N,
                                 const ChannelMixerParameters& parameters);

/// In evaluation, on the CPU: x + y * scale + shift [C], y what leaves the second linear layer;
/// grn_beta may be undefined (zero), the norm and the layer scale are not used. Throws kUnsupported
/// where gradients are recorded.
at::Tensor channel_mixer_evaluate(const at::Tensor& x_NCDHW,
                                  const at::Tensor& u_NCDHW,
                                  const at::Tensor& gate_NC,
                                  const ChannelMixerParameters& parameters,
                                  const at::Tensor& scale,
                                  const at::Tensor& shift);

}  // namespace larkspur::model3d
