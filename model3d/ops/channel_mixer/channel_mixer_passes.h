// SPDX-License-Identifier: Apache-2.0
// channel_mixer on a GPU: the passes between the library's products, on plain memory. No LibTorch.
//
//   u -- gate -- t -- PRODUCT -- h -- grn -- a' -- PRODUCT -- y -- residual -- out
//
//   dout, y -- norm_backward -- dy -- PRODUCT -- dq -- grn_backward -- dh, a' -- PRODUCTS -- dt
//   dt -- gate_backward -- du, t       all sums of slices -- finish
//
// Letters as in channel_mixer_kernels.h. h is without its bias here: the passes add it. Maps inside
// are of type T: float, Bfloat16 or Float16 (model3d/kernels/half_types.h), rounded once where they
// are stored; x, out and dout, the stream past the op, are float32, as are weights and all sums.
#pragma once

#include "model3d/kernels/slices.h"
#include "model3d/ops/channel_mixer/channel_mixer_kernels.h"

struct CUstream_st;

namespace larkspur::model3d {

/// A call's sizes and what all passes read.
struct MixerCall {
  ChannelMixerShape shape;
  ChannelMixerWeights weights;
  const float* gate;  ///< [N][C]
  const float* keep;  ///< [N]
  CUstream_st* stream;

  SlicePlan narrow() const { return plan_slices(shape.n, shape.positions, shape.channels); }
  SlicePlan wide() const { return plan_slices(shape.n, shape.positions, shape.widened); }
};

/// What forward left.
template <typename T>
struct MixerSaved {
  const T* h;             ///< [N][P][K]
  const float* norms;     ///< [N][K]
  const T* y;             ///< [N][P][C]
  const float* mean;      ///< [C]
  const float* variance;  ///< [C]
};

/// Room on the GPU, in floats, for the sums of a pass over maps of C and of K columns.
inline std::int64_t narrow_room(const MixerCall& call) {
  return call.narrow().all_slices() * 2 * call.shape.channels;
}
inline std::int64_t wide_room(const MixerCall& call) {
  return call.wide().all_slices() * 2 * call.shape.widened;
}

// Each queues its kernels and returns; throws Error{kDevice} if one cannot start. Outputs first.
// `partial` is room as above. Bits follow from the shape alone.

/// t = u * gate. One kernel.
template <typename T>
void mixer_gate_cuda(T* t, const T* u, const MixerCall& call);

/// a = GRN(gelu(h + bias)), norms and scale [N][K]. Three kernels.
template <typename T>
void mixer_grn_cuda(
    T* a, float* norms, float* scale, float* partial, const T* h, const MixerCall& call);

/// out = x + keep * layer_scale * norm(y); mean, variance [C]. Two kernels.
template <typename T>
void mixer_residual_cuda(float* out,
                         float* mean,
                         float* variance,
                         float* partial,
                         const float* x,
                         const T* y,
                         const MixerCall& call);

/// dy and the gradients of norm and layer scale. Two kernels.
template <typename T>
void mixer_norm_backward_cuda(T* dy,
                              const ChannelMixerGradients& gradients,
                              float* partial,
                              const float* dout,
                              const MixerSaved<T>& saved,
                              const MixerCall& call);

/// What GRN's backward pass leaves for finish, [N][K] each.
struct MixerGrnRoom {
  float* scale;
  float* of_norm;
  float* of_gamma;  ///< gradients of gamma by sample
  float* of_beta;
  float* responses;  ///< wide_room
  float* of_bias;    ///< wide_room: sums of dh
};

/// dq becomes dh; a = GRN's output. Three kernels.
template <typename T>
void mixer_grn_backward_cuda(
    T* dq, T* a, const MixerGrnRoom& room, const MixerSaved<T>& saved, const MixerCall& call);

/// du from dt, which becomes t. One kernel.
template <typename T>
void mixer_gate_backward_cuda(T* du, T* dt, float* of_gate, const T* u, const MixerCall& call);

/// Gradients of gate, of the bias and of GRN; those of u and of products are not looked at. One
/// kernel.
void mixer_finish_cuda(const ChannelMixerGradients& gradients,
                       const MixerGrnRoom& room,
                       const float* of_gate,
                       const MixerCall& call);

}  // namespace larkspur::model3d
