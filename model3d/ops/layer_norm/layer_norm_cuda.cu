// SPDX-License-Identifier: Apache-2.0
// A warp takes a row, its lanes every 32nd column; gradients of weights are a pass down the columns
// (slices.h) and a sum of its slices.
#include "model3d/kernels/add_columns.h"
#include "model3d/kernels/device_types.cuh"
#include "model3d/kernels/gelu.cuh"
#include "model3d/kernels/slices.cuh"
#include "model3d/kernels/warp_sum.cuh"
#include "model3d/ops/layer_norm/layer_norm_kernels.h"

namespace larkspur::model3d {
namespace {

using pipeline::launch_kernel;

constexpr int kWarp = kWarpLanes;
constexpr int kRowsOfABlock = kLayerNormThreads / kWarp;

__device__ std::int64_t row_of_warp() {
  return static_cast<std::int64_t>(blockIdx.x) * kRowsOfABlock +
         static_cast<int>(threadIdx.x) / kWarp;
}

template <typename T>
__global__ void __launch_bounds__(kLayerNormThreads)
    layer_norm_forward_kernel(float* y, float* moments, const T* x, LayerNormCall call) {
  const std::int64_t row = row_of_warp();
  if (row >= call.rows) return;  // the whole warp
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const T* from = x + row * call.columns;
  const float share = 1.0F / static_cast<float>(call.columns);
  float sum = 0.0F;
  for (std::int64_t c = lane; c < call.columns; c += kWarp) sum += to_float(from[c]);
  const float mean = warp_sum(sum) * share;
  float squares = 0.0F;
  for (std::int64_t c = lane; c < call.columns; c += kWarp) {
    const float centred = to_float(from[c]) - mean;
    squares += centred * centred;
  }
  const float inverse = 1.0F / sqrtf(warp_sum(squares) * share + call.eps);
  for (std::int64_t c = lane; c < call.columns; c += kWarp) {
    const float value = (to_float(from[c]) - mean) * inverse * call.weight[c] + call.bias[c];
    y[row * call.columns + c] = call.gelu ? gelu_at(value) : value;
  }
  if (lane > 0) return;
  moments[row] = mean;
  moments[call.rows + row] = inverse;
}

/// What reaches the norm's output: dy, through GELU where it is behind.
__device__ float before_gelu(float dy, float normed, float weight, float bias, bool gelu) {
  return gelu ? dy * gelu_slope_at(normed * weight + bias) : dy;
}

/// Sums for the gradients of weight and bias, a slice each.
template <typename T>
struct WeightSums {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 2;
  float* partial;
  const float* dy;
  const T* x;
  const float* moments;
  LayerNormCall call;

  struct Column {
    float weight, bias;
  };
  template <typename Room>
  __device__ void begin(Column& column, const SliceBlock& b, const SlicePlan&, Room&) const {
    if (b.is_there) column = {call.weight[b.column], call.bias[b.column]};
  }
  __device__ void element(const Column& column, std::int64_t index, float* sums) const {
    const std::int64_t row = index / call.columns;
    const float normed = (to_float(x[index]) - moments[row]) * moments[call.rows + row];
    const float gradient = before_gelu(dy[index], normed, column.weight, column.bias, call.gelu);
    sums[0] += gradient * normed;
    sums[1] += gradient;
  }
  __device__ void finish(const Column&,
                         const SliceBlock& b,
                         const SlicePlan& p,
                         float* sums) const {
    put_sums<kSums>(partial, sums, b, p);
  }
};

/// dx of the warp's row.
template <typename T>
__device__ void row_gradient(
    T* dx, const float* dy, const T* x, const float* moments, const LayerNormCall& call) {
  const std::int64_t row = row_of_warp();
  if (row >= call.rows) return;  // the whole warp
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t begin = row * call.columns;
  const float share = 1.0F / static_cast<float>(call.columns);
  const float mean = moments[row];
  const float inverse = moments[call.rows + row];
  float sum = 0.0F;
  float product = 0.0F;
  for (std::int64_t c = lane; c < call.columns; c += kWarp) {
    const float normed = (to_float(x[begin + c]) - mean) * inverse;
    const float weighted =
        before_gelu(dy[begin + c], normed, call.weight[c], call.bias[c], call.gelu) *
        call.weight[c];
    sum += weighted;
    product += weighted * normed;
  }
  const float of_mean = warp_sum(sum) * share;
  const float of_normed = warp_sum(product) * share;
  for (std::int64_t c = lane; c < call.columns; c += kWarp) {
    const float normed = (to_float(x[begin + c]) - mean) * inverse;
    const float weighted =
        before_gelu(dy[begin + c], normed, call.weight[c], call.bias[c], call.gelu) *
        call.weight[c];
    dx[begin + c] = from_float<T>((weighted - of_mean - normed * of_normed) * inverse);
  }
}

/// The first blocks take rows, the others slices for the weights: neither waits for the other.
template <typename T>
__global__ void __launch_bounds__(kLayerNormThreads)
    layer_norm_backward_kernel(T* dx, WeightSums<T> sums, SlicePlan plan, int row_blocks) {
  __shared__ SharedSums<WeightSums<T>> room;
  if (static_cast<int>(blockIdx.x) < row_blocks) {
    row_gradient(dx, sums.dy, sums.x, sums.moments, sums.call);
  } else {
    int no_room = 0;  // nothing is combined
    run_slice(sums, plan, static_cast<int>(blockIdx.x) - row_blocks, room, no_room);
  }
}

unsigned blocks_for(const LayerNormCall& call) {
  return static_cast<unsigned>((call.rows + kRowsOfABlock - 1) / kRowsOfABlock);
}
}  // namespace

std::int64_t layer_norm_partial_elements(std::int64_t rows, std::int64_t columns) {
  return plan_slices(1, rows, columns).all_slices() * 2 * columns;
}

template <typename T>
void layer_norm_forward_cuda(
    float* y, float* moments, const T* x, const LayerNormCall& call, CUstream_st* stream) {
  launch_kernel("[layer_norm] forward",
                layer_norm_forward_kernel<T>,
                dim3(blocks_for(call)),
                kLayerNormThreads,
                stream,
                y,
                moments,
                x,
                call);
}

template <typename T>
void layer_norm_backward_cuda(const LayerNormGradients<T>& gradients,
                              float* partial,
                              const float* dy,
                              const T* x,
                              const float* moments,
                              const LayerNormCall& call,
                              CUstream_st* stream) {
  static_assert(kLayerNormThreads == kSliceThreads, "one kernel does both");
  const SlicePlan plan = plan_slices(1, call.rows, call.columns);
  const unsigned row_blocks = blocks_for(call);
  launch_kernel("[layer_norm] backward",
                layer_norm_backward_kernel<T>,
                dim3(row_blocks + static_cast<unsigned>(plan.blocks())),
                kLayerNormThreads,
                stream,
                gradients.x,
                WeightSums<T>{partial, dy, x, moments, call},
                plan,
                static_cast<int>(row_blocks));
  Additions sums{};
  sums.count = 2;
  sums.jobs[0] = {gradients.weight, partial, 1, plan.slices, call.columns, 2 * call.columns};
  sums.jobs[1] = {
      gradients.bias, partial + call.columns, 1, plan.slices, call.columns, 2 * call.columns};
  add_columns_cuda("[layer_norm] weight gradients", sums, stream);
}

#define LARKSPUR_INSTANTIATE(T)                                        \
  template void layer_norm_forward_cuda(                               \
      float*, float*, const T*, const LayerNormCall&, CUstream_st*);   \
  template void layer_norm_backward_cuda(const LayerNormGradients<T>&, \
                                         float*,                       \
                                         const float*,                 \
                                         const T*,                     \
                                         const float*,                 \
                                         const LayerNormCall&,         \
                                         CUstream_st*)
LARKSPUR_INSTANTIATE(float);
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
