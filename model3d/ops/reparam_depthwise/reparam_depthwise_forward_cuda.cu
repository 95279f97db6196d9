// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/reparam_depthwise/reparam_depthwise_passes.cuh"

namespace larkspur::model3d {
namespace {

/// Of every branch's output; a branch a layer of the grid.
template <typename T>
struct BranchMoments {
  static constexpr int kUnroll = 4;
  static constexpr int kSums = 2;
  static constexpr bool kCombines = false;
  float* partial;
  const T* z;

  struct Column {
    const T* z;
    float first;  // of the slice: sums around it lose nothing
  };
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan& p, Room&) const {
    own.z = z + blockIdx.y * (p.samples * p.rows * p.columns);
    if (b.is_there) own.first = to_float(own.z[b.first * p.columns + b.column]);
  }
  __device__ void element(const Column& own, std::int64_t index, float* sums) const {
    add_centred(sums, to_float(own.z[index]) - own.first);
  }
  __device__ void finish(const Column& own,
                         const SliceBlock& b,
                         const SlicePlan& p,
                         float* sums) const {
    const std::int64_t parts = p.samples * p.slices * 2 * p.columns;
    put_moments(partial + blockIdx.y * parts, own.first, sums, b, p);
  }
};

template <typename T>
__device__ void write_moments(const ReparamPasses<T>& r,
                              int number,
                              const SliceMoments& moments,
                              std::int64_t column) {
  float* at = r.moments + static_cast<std::int64_t>(number) * 2 * r.plan.columns + column;
  at[0] = static_cast<float>(moments.mean);
  at[r.plan.columns] = static_cast<float>(moments.variance());
}

/// Moments of y; writes those of the branches.
template <typename T>
struct SumMoments {
  static constexpr int kUnroll = 1;
  static constexpr int kSums = 2;
  static constexpr bool kCombines = true;
  float* of_y;
  const float* partial;
  ReparamPasses<T> r;

  struct Column {
    BranchSum sum;
    float first;
  };
  __device__ void begin(Column& own,
                        const SliceBlock& b,
                        const SlicePlan& p,
                        SliceRoom& room) const {
    const int all = all_slices(p);
#pragma unroll
    for (int i = 0; i < kMostCudaBranches; ++i) {
      if (i >= r.branches) continue;
      if (r.norms[i].weight == nullptr) {
        own.sum.scale[i] = 1.0F;
        continue;
      }
      const SliceMoments moments =
          add_moments(partial + 2 * i * all * p.columns, 0, all, b, p, room);
      if (!b.is_there) continue;
      if (b.is_first()) write_moments(r, i, moments, b.column);
      // As they lie in memory, so that y is the same wherever it is computed.
      const auto mean = static_cast<float>(moments.mean);
      const auto variance = static_cast<float>(moments.variance());
      add_branch(own.sum, i, column_norm(r.norms[i], mean, variance, b.column));
    }
    if (b.is_there) own.first = y_at(own.sum, r, b.first * p.columns + b.column);
  }
  __device__ void element(const Column& own, std::int64_t index, float* sums) const {
    add_centred(sums, y_at(own.sum, r, index) - own.first);
  }
  __device__ void finish(const Column& own,
                         const SliceBlock& b,
                         const SlicePlan& p,
                         float* sums) const {
    put_moments(of_y, own.first, sums, b, p);
  }
};

/// u = norm(y) and its means; writes y's moments.
template <typename T>
struct NormedSum {
  static constexpr int kUnroll = 1;
  static constexpr int kSums = 0;
  static constexpr bool kCombines = true;
  T* u;
  float* means;
  const float* of_y;
  ReparamPasses<T> r;

  struct Column {
    BranchSum sum;
    float scale, shift;
  };
  __device__ void begin(Column& own,
                        const SliceBlock& b,
                        const SlicePlan& p,
                        SliceRoom& room) const {
    const int first = b.sample * p.slices;
    const SliceMoments moments = add_moments(of_y, 0, all_slices(p), b, p, room);
    const SliceMoments sample = add_moments(of_y, first, first + p.slices, b, p, room);
    if (!b.is_there) return;
    own.sum = branches_in_memory(r, b.column);
    if (b.is_first()) write_moments(r, r.branches, moments, b.column);
    const auto mean = static_cast<float>(moments.mean);
    const auto variance = static_cast<float>(moments.variance());
    const ColumnNorm norm = column_norm(r.last, mean, variance, b.column);
    own.scale = static_cast<float>(norm.scale);
    own.shift = static_cast<float>(norm.shift);
    if (b.slice == first && b.group == 0) {
      means[b.sample * p.columns + b.column] =
          static_cast<float>(sample.mean * norm.scale + norm.shift);
    }
  }
  __device__ void element(const Column& own, std::int64_t index, float*) const {
    u[index] = from_float<T>(y_at(own.sum, r, index) * own.scale + own.shift);
  }
};

template <typename T>
struct AddMaps {
  static constexpr int kUnroll = 1;
  static constexpr int kSums = 0;
  static constexpr bool kCombines = false;
  T* to;
  const T* parts;
  int count;
  std::int64_t map;

  struct Column {};
  template <typename Room>
  __device__ void begin(Column&, const SliceBlock&, const SlicePlan&, Room&) const {}
  __device__ void element(Column, std::int64_t index, float*) const {
    float sum = to_float(parts[index]);
    for (int b = 1; b < count; ++b) sum += to_float(parts[b * map + index]);
    to[index] = from_float<T>(sum);
  }
};

}  // namespace

template <typename T>
void reparam_norms_cuda(T* u, float* means, float* partial, const ReparamPasses<T>& passes) {
  const SlicePlan& plan = passes.plan;
  const std::int64_t parts = plan.all_slices() * 2 * plan.columns;
  float* of_y = partial + passes.branches * parts;
  launch_slices("[reparam_depthwise] moments",
                BranchMoments<T>{partial, passes.z},
                plan,
                passes.stream,
                passes.branches);
  launch_slices(
      "[reparam_depthwise] sum", SumMoments<T>{of_y, partial, passes}, plan, passes.stream);
  launch_slices(
      "[reparam_depthwise] norm", NormedSum<T>{u, means, of_y, passes}, plan, passes.stream);
}

template <typename T>
void add_maps_cuda(T* dx, const T* parts, const ReparamPasses<T>& passes) {
  launch_slices("[reparam_depthwise] sum of input gradients",
                AddMaps<T>{dx, parts, passes.branches, passes.map()},
                passes.plan,
                passes.stream);
}

#define LARKSPUR_INSTANTIATE(T)                                                  \
  template void reparam_norms_cuda(T*, float*, float*, const ReparamPasses<T>&); \
  template void add_maps_cuda(T*, const T*, const ReparamPasses<T>&)
LARKSPUR_INSTANTIATE(float);
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
