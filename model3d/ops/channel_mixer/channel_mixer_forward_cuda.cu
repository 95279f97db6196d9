// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/block_sum.cuh"
#include "model3d/kernels/device_types.cuh"
#include "model3d/kernels/gelu.cuh"
#include "model3d/kernels/slices.cuh"
#include "model3d/ops/channel_mixer/channel_mixer_passes.h"

namespace larkspur::model3d {
namespace {

template <typename T>
struct GateRows {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 0;
  static constexpr bool kCombines = false;
  T* t;
  const T* u;
  const float* gate;

  using Column = float;  // the gate
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan& p, Room&) const {
    if (b.is_there) own = gate[b.sample * p.columns + b.column];
  }
  __device__ void element(Column own, std::int64_t index, float*) const {
    t[index] = from_float<T>(to_float(u[index]) * own);
  }
};

/// Sums of gelu(h + bias)^2 by sample.
template <typename T>
struct GeluSquares {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 1;
  static constexpr bool kCombines = false;
  float* partial;
  const T* h;
  const float* bias;

  using Column = float;  // the bias
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan&, Room&) const {
    if (b.is_there) own = bias[b.column];
  }
  __device__ void element(Column own, std::int64_t index, float* sums) const {
    const float a = gelu_at(to_float(h[index]) + own);
    sums[0] += a * a;
  }
  __device__ void finish(Column, const SliceBlock& b, const SlicePlan& p, float* sums) const {
    put_sums<kSums>(partial, sums, b, p);
  }
};

/// GRN's norms of a sample and what it multiplies each channel by; a block a sample.
__global__ void __launch_bounds__(kSliceThreads) grn_scale_kernel(
    float* norms, float* scale, const float* partial, const float* gamma, SlicePlan p) {
  __shared__ SharedBlockRoom room;
  const std::int64_t sample = blockIdx.x;
  const std::int64_t first = sample * p.columns;
  double sum = 0.0;
  for (std::int64_t k = threadIdx.x; k < p.columns; k += kSliceThreads) {
    float squares = 0.0F;
    for (std::int64_t slice = sample * p.slices; slice < (sample + 1) * p.slices; ++slice) {
      squares += partial[slice * p.columns + k];
    }
    const float norm = sqrtf(squares);
    norms[first + k] = norm;
    sum += static_cast<double>(norm);
  }
  const float divisor =
      static_cast<float>(block_sum(sum, room) / static_cast<double>(p.columns) + kGrnEps);
  for (std::int64_t k = threadIdx.x; k < p.columns; k += kSliceThreads) {
    scale[first + k] = gamma[k] * (norms[first + k] / divisor) + 1.0F;
  }
}

template <typename T>
struct GrnApply {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 0;
  static constexpr bool kCombines = false;
  T* a;
  const T* h;
  const float* bias;
  const float* scale;
  const float* beta;

  struct Column {
    float bias, scale, beta;
  };
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan& p, Room&) const {
    if (!b.is_there) return;
    own = {bias[b.column], scale[b.sample * p.columns + b.column], beta[b.column]};
  }
  __device__ void element(const Column& own, std::int64_t index, float*) const {
    const float activation = gelu_at(to_float(h[index]) + own.bias);
    a[index] = from_float<T>(activation * own.scale + own.beta);
  }
};

template <typename T>
struct ColumnMoments {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 2;
  static constexpr bool kCombines = false;
  float* partial;
  const T* y;

  using Column = float;  // the slice's first value: sums around it lose nothing
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan& p, Room&) const {
    if (b.is_there) own = to_float(y[b.first * p.columns + b.column]);
  }
  __device__ void element(Column own, std::int64_t index, float* sums) const {
    add_centred(sums, to_float(y[index]) - own);
  }
  __device__ void finish(Column own, const SliceBlock& b, const SlicePlan& p, float* sums) const {
    put_moments(partial, own, sums, b, p);
  }
};

template <typename T>
struct Residual {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 0;
  static constexpr bool kCombines = true;
  float* out;
  float* mean;
  float* variance;
  const float* partial;
  const float* x;
  const T* y;
  const float* keep;
  ChannelMixerWeights weights;

  struct Column {
    float scale, shift;
  };
  __device__ void begin(Column& own,
                        const SliceBlock& b,
                        const SlicePlan& p,
                        SliceRoom& room) const {
    const SliceMoments moments = add_moments(partial, 0, all_slices(p), b, p, room);
    if (!b.is_there) return;
    const auto middle = static_cast<float>(moments.mean);
    const auto spread = static_cast<float>(moments.variance());
    if (b.is_first()) {
      mean[b.column] = middle;
      variance[b.column] = spread;
    }
    const double slope =
        weights.norm_weight[b.column] / sqrt(static_cast<double>(spread) + weights.norm_eps);
    const double factor = static_cast<double>(keep[b.sample]) * weights.layer_scale[b.column];
    own = {static_cast<float>(factor * slope),
           static_cast<float>(factor * (weights.norm_bias[b.column] - middle * slope))};
  }
  __device__ void element(const Column& own, std::int64_t index, float*) const {
    out[index] = x[index] + (to_float(y[index]) * own.scale + own.shift);
  }
};

}  // namespace

template <typename T>
void mixer_gate_cuda(T* t, const T* u, const MixerCall& call) {
  launch_slices("[channel_mixer] gate", GateRows<T>{t, u, call.gate}, call.narrow(), call.stream);
}

template <typename T>
void mixer_grn_cuda(
    T* a, float* norms, float* scale, float* partial, const T* h, const MixerCall& call) {
  const SlicePlan plan = call.wide();
  const ChannelMixerWeights& w = call.weights;
  launch_slices(
      "[channel_mixer] squares", GeluSquares<T>{partial, h, w.widen_bias}, plan, call.stream);
  pipeline::launch_kernel("[channel_mixer] GRN's norms",
                          grn_scale_kernel,
                          dim3(static_cast<unsigned>(call.shape.n)),
                          kSliceThreads,
                          call.stream,
                          norms,
                          scale,
                          partial,
                          w.grn_gamma,
                          plan);
  launch_slices(
      "[channel_mixer] GRN", GrnApply<T>{a, h, w.widen_bias, scale, w.grn_beta}, plan, call.stream);
}

template <typename T>
void mixer_residual_cuda(float* out,
                         float* mean,
                         float* variance,
                         float* partial,
                         const float* x,
                         const T* y,
                         const MixerCall& call) {
  const SlicePlan plan = call.narrow();
  launch_slices("[channel_mixer] moments", ColumnMoments<T>{partial, y}, plan, call.stream);
  launch_slices("[channel_mixer] residual",
                Residual<T>{out, mean, variance, partial, x, y, call.keep, call.weights},
                plan,
                call.stream);
}

#define LARKSPUR_INSTANTIATE(T)                                                         \
  template void mixer_gate_cuda(T*, const T*, const MixerCall&);                        \
  template void mixer_grn_cuda(T*, float*, float*, float*, const T*, const MixerCall&); \
  template void mixer_residual_cuda(                                                    \
      float*, float*, float*, float*, const float*, const T*, const MixerCall&)
LARKSPUR_INSTANTIATE(float);
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
