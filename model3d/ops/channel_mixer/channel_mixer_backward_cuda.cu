// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/add_columns.h"
#include "model3d/kernels/block_sum.cuh"
#include "model3d/kernels/device_types.cuh"
#include "model3d/kernels/gelu.cuh"
#include "model3d/kernels/slices.cuh"
#include "model3d/ops/channel_mixer/channel_mixer_passes.h"

namespace larkspur::model3d {
namespace {

/// Sums of keep * dout, and of the same times y - mean.
template <typename T>
struct NormSums {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 2;
  static constexpr bool kCombines = false;
  float* partial;
  const float* dout;
  const T* y;
  const float* mean;
  const float* keep;

  using Column = float;  // the mean
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan&, Room&) const {
    if (b.is_there) own = mean[b.column];
  }
  __device__ void element(Column own, std::int64_t index, float* sums) const {
    const float gradient = dout[index];
    sums[0] += gradient;
    sums[1] += gradient * (to_float(y[index]) - own);
  }
  __device__ void finish(Column, const SliceBlock& b, const SlicePlan& p, float* sums) const {
    sums[0] *= keep[b.sample];
    sums[1] *= keep[b.sample];
    put_sums<kSums>(partial, sums, b, p);
  }
};

template <typename T>
struct NormGradient {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 0;
  static constexpr bool kCombines = true;
  T* dy;
  const float* partial;
  const float* dout;
  MixerSaved<T> saved;
  const float* keep;
  ChannelMixerWeights weights;
  ChannelMixerGradients gradients;

  struct Column {
    float of_g, of_y, constant;
  };
  __device__ void begin(Column& own,
                        const SliceBlock& b,
                        const SlicePlan& p,
                        SliceRoom& room) const {
    const SlicePair sums = add_slices(partial, 2, 0, 1, b, p, room);
    if (!b.is_there) return;
    const std::int64_t c = b.column;
    const double inverse = 1.0 / sqrt(static_cast<double>(saved.variance[c]) + weights.norm_eps);
    const double sum = sums.v[0];
    const double along = sums.v[1] * inverse;
    const double layer_scale = weights.layer_scale[c];
    if (b.is_first()) {
      gradients.layer_scale[c] =
          static_cast<float>(weights.norm_weight[c] * along + weights.norm_bias[c] * sum);
      gradients.norm_weight[c] = static_cast<float>(layer_scale * along);
      gradients.norm_bias[c] = static_cast<float>(layer_scale * sum);
    }
    const auto rows = static_cast<double>(p.samples * p.rows);
    const double slope = layer_scale * weights.norm_weight[c] * inverse;
    const double of_y = -slope * inverse * along / rows;
    own = {static_cast<float>(slope * keep[b.sample]),
           static_cast<float>(of_y),
           static_cast<float>(-slope * sum / rows - of_y * saved.mean[c])};
  }
  __device__ void element(const Column& own, std::int64_t index, float*) const {
    const float rest = to_float(saved.y[index]) * own.of_y + own.constant;
    dy[index] = from_float<T>(dout[index] * own.of_g + rest);
  }
};

/// Sums of dq times GRN's input, and of dq, by sample.
template <typename T>
struct ResponseSums {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 2;
  static constexpr bool kCombines = false;
  float* partial;
  const T* dq;
  const T* h;
  const float* bias;

  using Column = float;  // the bias
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan&, Room&) const {
    if (b.is_there) own = bias[b.column];
  }
  __device__ void element(Column own, std::int64_t index, float* sums) const {
    const float gradient = to_float(dq[index]);
    sums[0] += gradient * gelu_at(to_float(h[index]) + own);
    sums[1] += gradient;
  }
  __device__ void finish(Column, const SliceBlock& b, const SlicePlan& p, float* sums) const {
    put_sums<kSums>(partial, sums, b, p);
  }
};

/// For the way through GRN of a sample: da = dq * scale + a * of_norm; a block a sample.
__global__ void __launch_bounds__(kSliceThreads)
    grn_gradient_kernel(MixerGrnRoom to, const float* norms, const float* gamma, SlicePlan p) {
  __shared__ SharedBlockRoom room;
  const std::int64_t sample = blockIdx.x;
  const std::int64_t first = sample * p.columns;
  double sum = 0.0;
  for (std::int64_t k = threadIdx.x; k < p.columns; k += kSliceThreads) {
    sum += static_cast<double>(norms[first + k]);
  }
  const float divisor =
      static_cast<float>(block_sum(sum, room) / static_cast<double>(p.columns) + kGrnEps);
  double along = 0.0;  // what every norm gets by way of the divisor
  for (std::int64_t k = threadIdx.x; k < p.columns; k += kSliceThreads) {
    float product = 0.0F;
    float plain = 0.0F;
    for (std::int64_t slice = sample * p.slices; slice < (sample + 1) * p.slices; ++slice) {
      product += to.responses[slice * 2 * p.columns + k];
      plain += to.responses[(slice * 2 + 1) * p.columns + k];
    }
    const float response = norms[first + k] / divisor;
    to.scale[first + k] = gamma[k] * response + 1.0F;
    to.of_gamma[first + k] = product * response;
    to.of_beta[first + k] = plain;
    to.of_norm[first + k] = gamma[k] * product;  // for now
    along += static_cast<double>(gamma[k]) * product * response;
  }
  const double of_mean = block_sum(along, room) / static_cast<double>(p.columns);
  for (std::int64_t k = threadIdx.x; k < p.columns; k += kSliceThreads) {
    const double of_this = static_cast<double>(to.of_norm[first + k]) - of_mean;
    const float norm = norms[first + k];
    // A norm of zero has no slope; its place in the mean is counted for the others all the same.
    to.of_norm[first + k] = norm > 0.0F ? static_cast<float>(of_this / divisor / norm) : 0.0F;
  }
}

/// dq becomes dh, a GRN's output; sums of dh.
template <typename T>
struct GeluGradient {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 1;
  static constexpr bool kCombines = false;
  T* dq;
  T* a;
  MixerGrnRoom room;
  const T* h;
  const float* bias;
  const float* beta;

  struct Column {
    float bias, scale, beta, of_norm;
  };
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan& p, Room&) const {
    if (!b.is_there) return;
    const std::int64_t at = b.sample * p.columns + b.column;
    own = {bias[b.column], room.scale[at], beta[b.column], room.of_norm[at]};
  }
  __device__ void element(const Column& own, std::int64_t index, float* sums) const {
    const float x = to_float(h[index]) + own.bias;
    const float activation = gelu_at(x);
    const float of_a = to_float(dq[index]) * own.scale + activation * own.of_norm;
    const float gradient = of_a * gelu_slope_at(x);
    dq[index] = from_float<T>(gradient);
    a[index] = from_float<T>(activation * own.scale + own.beta);
    sums[0] += gradient;
  }
  __device__ void finish(const Column&,
                         const SliceBlock& b,
                         const SlicePlan& p,
                         float* sums) const {
    put_sums<kSums>(room.of_bias, sums, b, p);
  }
};

/// du, and t in dt's place; sums of dt * u by sample.
template <typename T>
struct GateGradient {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 1;
  static constexpr bool kCombines = false;
  T* du;
  T* dt;
  float* partial;
  const T* u;
  const float* gate;

  using Column = float;  // the gate
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan& p, Room&) const {
    if (b.is_there) own = gate[b.sample * p.columns + b.column];
  }
  __device__ void element(Column own, std::int64_t index, float* sums) const {
    const float gradient = to_float(dt[index]);
    const float value = to_float(u[index]);
    sums[0] += gradient * value;
    du[index] = from_float<T>(gradient * own);
    dt[index] = from_float<T>(value * own);
  }
  __device__ void finish(Column, const SliceBlock& b, const SlicePlan& p, float* sums) const {
    put_sums<kSums>(partial, sums, b, p);
  }
};

}  // namespace

template <typename T>
void mixer_norm_backward_cuda(T* dy,
                              const ChannelMixerGradients& gradients,
                              float* partial,
                              const float* dout,
                              const MixerSaved<T>& saved,
                              const MixerCall& call) {
  const SlicePlan plan = call.narrow();
  launch_slices("[channel_mixer] norm's sums",
                NormSums<T>{partial, dout, saved.y, saved.mean, call.keep},
                plan,
                call.stream);
  launch_slices("[channel_mixer] norm's gradient",
                NormGradient<T>{dy, partial, dout, saved, call.keep, call.weights, gradients},
                plan,
                call.stream);
}

template <typename T>
void mixer_grn_backward_cuda(
    T* dq, T* a, const MixerGrnRoom& room, const MixerSaved<T>& saved, const MixerCall& call) {
  const SlicePlan plan = call.wide();
  const ChannelMixerWeights& w = call.weights;
  launch_slices("[channel_mixer] responses",
                ResponseSums<T>{room.responses, dq, saved.h, w.widen_bias},
                plan,
                call.stream);
  pipeline::launch_kernel("[channel_mixer] GRN's gradient",
                          grn_gradient_kernel,
                          dim3(static_cast<unsigned>(call.shape.n)),
                          kSliceThreads,
                          call.stream,
                          room,
                          saved.norms,
                          w.grn_gamma,
                          plan);
  launch_slices("[channel_mixer] GELU's gradient",
                GeluGradient<T>{dq, a, room, saved.h, w.widen_bias, w.grn_beta},
                plan,
                call.stream);
}

template <typename T>
void mixer_gate_backward_cuda(T* du, T* dt, float* of_gate, const T* u, const MixerCall& call) {
  launch_slices("[channel_mixer] gate's gradient",
                GateGradient<T>{du, dt, of_gate, u, call.gate},
                call.narrow(),
                call.stream);
}

void mixer_finish_cuda(const ChannelMixerGradients& gradients,
                       const MixerGrnRoom& room,
                       const float* of_gate,
                       const MixerCall& call) {
  const std::int64_t n = call.shape.n;
  const std::int64_t c = call.shape.channels;
  const std::int64_t k = call.shape.widened;
  Additions sums{};
  sums.count = 4;
  sums.jobs[0] = {gradients.gate, of_gate, n, call.narrow().slices, c, c};
  sums.jobs[1] = {gradients.widen_bias, room.of_bias, 1, call.wide().all_slices(), k, k};
  sums.jobs[2] = {gradients.grn_gamma, room.of_gamma, 1, n, k, k};
  sums.jobs[3] = {gradients.grn_beta, room.of_beta, 1, n, k, k};
  add_columns_cuda("[channel_mixer] sums", sums, call.stream);
}

#define LARKSPUR_INSTANTIATE(T)                                             \
  template void mixer_norm_backward_cuda(T*,                                \
                                         const ChannelMixerGradients&,      \
                                         float*,                            \
                                         const float*,                      \
                                         const MixerSaved<T>&,              \
                                         const MixerCall&);                 \
  template void mixer_grn_backward_cuda(                                    \
      T*, T*, const MixerGrnRoom&, const MixerSaved<T>&, const MixerCall&); \
  template void mixer_gate_backward_cuda(T*, T*, float*, const T*, const MixerCall&)
LARKSPUR_INSTANTIATE(float);
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
