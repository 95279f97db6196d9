// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/reparam_depthwise/reparam_depthwise_passes.cuh"

namespace larkspur::model3d {
namespace {

/// What reaches u: du, and a share of the gradient of its mean.
template <typename T>
struct Incoming {
  const T* du;
  const float* dmeans;

  __device__ float at(std::int64_t index, float share_of_mean) const {
    return to_float(du[index]) + share_of_mean;
  }
  __device__ float share(const SliceBlock& b, const SlicePlan& p) const {
    if (dmeans == nullptr) return 0.0F;
    return dmeans[b.sample * p.columns + b.column] / static_cast<float>(p.rows);
  }
};

/// A norm's input gradient: of_g * g + of_z * z + constant, from the sums of g and g * (z - mean).
struct NormSlope {
  float of_g, of_z, constant;
};

__device__ NormSlope norm_slope(const ColumnNorm& norm, const SlicePair& sums, double count) {
  const double of_z = -norm.scale * norm.inverse * norm.inverse * sums.v[1] / count;
  return {static_cast<float>(norm.scale),
          static_cast<float>(of_z),
          static_cast<float>(-norm.scale * sums.v[0] / count - of_z * norm.mean)};
}

__device__ void write_gradients(const CudaNormGradients& to,
                                const ColumnNorm& norm,
                                const SlicePair& sums,
                                std::int64_t column) {
  to.weight[column] = static_cast<float>(sums.v[1] * norm.inverse);
  to.bias[column] = static_cast<float>(sums.v[0]);
}

/// Sums of what reaches u, and of that times y - mean.
template <typename T>
struct LastNormSums {
  static constexpr int kUnroll = 1;
  static constexpr int kSums = 2;
  static constexpr bool kCombines = false;
  float* partial;
  Incoming<T> in;
  ReparamPasses<T> r;

  struct Column {
    BranchSum sum;
    float share, mean;
  };
  template <typename Room>
  __device__ void begin(Column& own, const SliceBlock& b, const SlicePlan& p, Room&) const {
    if (!b.is_there) return;
    own = {branches_in_memory(r, b.column),
           in.share(b, p),
           static_cast<float>(norm_in_memory(r, r.branches, b.column).mean)};
  }
  __device__ void element(const Column& own, std::int64_t index, float* sums) const {
    const float gradient = in.at(index, own.share);
    sums[0] += gradient;
    sums[1] += gradient * (y_at(own.sum, r, index) - own.mean);
  }
  __device__ void finish(const Column&,
                         const SliceBlock& b,
                         const SlicePlan& p,
                         float* sums) const {
    put_sums<kSums>(partial, sums, b, p);
  }
};

constexpr int kBranchSums = kMostCudaBranches + 1;

/// dy; sums of it, and of it times z_b - mean_b.
template <typename T>
struct ThroughLastNorm {
  static constexpr int kUnroll = 1;
  static constexpr int kSums = kBranchSums;
  static constexpr bool kCombines = true;
  float* dy;
  float* of_branches;
  const float* partial;
  Incoming<T> in;
  ReparamPasses<T> r;
  CudaNormGradients gradients;

  struct Column {
    BranchSum sum;
    NormSlope slope;
    float share;
    float means[kMostCudaBranches];
  };
  __device__ void begin(Column& own,
                        const SliceBlock& b,
                        const SlicePlan& p,
                        SliceRoom& room) const {
    const SlicePair sums = add_slices(partial, 2, 0, 1, b, p, room);
    if (!b.is_there) return;
    const ColumnNorm norm = norm_in_memory(r, r.branches, b.column);
    if (b.is_first()) write_gradients(gradients, norm, sums, b.column);
    own.sum = branches_in_memory(r, b.column);
    own.slope = norm_slope(norm, sums, static_cast<double>(p.samples * p.rows));
    own.share = in.share(b, p);
#pragma unroll
    for (int i = 0; i < kMostCudaBranches; ++i) {
      if (i >= r.branches) break;
      const bool has_norm = r.norms[i].weight != nullptr;
      own.means[i] = has_norm ? r.moments[2 * i * r.plan.columns + b.column] : 0.0F;
    }
  }
  __device__ void element(const Column& own, std::int64_t index, float* sums) const {
    const std::int64_t map = r.plan.samples * r.plan.rows * r.plan.columns;
    const float rest = y_at(own.sum, r, index) * own.slope.of_z + own.slope.constant;
    const float gradient = in.at(index, own.share) * own.slope.of_g + rest;
    dy[index] = gradient;
    sums[0] += gradient;
    const T* z = r.z + index;
#pragma unroll
    for (int i = 0; i < kMostCudaBranches; ++i) {
      if (i >= r.branches) break;
      sums[i + 1] += gradient * (to_float(*z) - own.means[i]);
      z += map;
    }
  }
  __device__ void finish(const Column&,
                         const SliceBlock& b,
                         const SlicePlan& p,
                         float* sums) const {
    put_sums<kSums>(of_branches, sums, b, p);
  }
};

/// z becomes dz of every branch.
template <typename T>
struct ThroughBranches {
  static constexpr int kUnroll = 1;
  static constexpr int kSums = 0;
  static constexpr bool kCombines = true;
  const float* dy;
  const float* of_branches;
  ReparamPasses<T> r;
  ReparamNormGradients gradients;

  struct Column {
    NormSlope slopes[kMostCudaBranches];
  };
  __device__ void begin(Column& own,
                        const SliceBlock& b,
                        const SlicePlan& p,
                        SliceRoom& room) const {
#pragma unroll
    for (int i = 0; i < kMostCudaBranches; ++i) {
      if (i >= r.branches) continue;
      if (r.norms[i].weight == nullptr) {
        own.slopes[i] = {1.0F, 0.0F, 0.0F};
        continue;
      }
      const SlicePair sums = add_slices(of_branches, kBranchSums, 0, i + 1, b, p, room);
      if (!b.is_there) continue;
      const ColumnNorm norm = norm_in_memory(r, i, b.column);
      if (b.is_first()) write_gradients(gradients.norms[i], norm, sums, b.column);
      own.slopes[i] = norm_slope(norm, sums, static_cast<double>(p.samples * p.rows));
    }
  }
  __device__ void element(const Column& own, std::int64_t index, float*) const {
    const std::int64_t map = r.plan.samples * r.plan.rows * r.plan.columns;
    const float gradient = dy[index];
    T* z = r.z + index;
#pragma unroll
    for (int i = 0; i < kMostCudaBranches; ++i) {
      if (i >= r.branches) break;
      const float rest = to_float(*z) * own.slopes[i].of_z + own.slopes[i].constant;
      *z = from_float<T>(gradient * own.slopes[i].of_g + rest);
      z += map;
    }
  }
};

}  // namespace

template <typename T>
void reparam_norms_backward_cuda(const ReparamNormGradients& gradients,
                                 float* dy,
                                 float* partial,
                                 const T* du,
                                 const float* dmeans,
                                 const ReparamPasses<T>& passes) {
  const SlicePlan& plan = passes.plan;
  const Incoming<T> in{du, dmeans};
  float* of_branches = partial + plan.all_slices() * 2 * plan.columns;
  launch_slices("[reparam_depthwise] last norm's sums",
                LastNormSums<T>{partial, in, passes},
                plan,
                passes.stream);
  launch_slices("[reparam_depthwise] last norm's gradient",
                ThroughLastNorm<T>{dy, of_branches, partial, in, passes, gradients.last},
                plan,
                passes.stream);
  launch_slices("[reparam_depthwise] branches' norms' gradients",
                ThroughBranches<T>{dy, of_branches, passes, gradients},
                plan,
                passes.stream);
}

#define LARKSPUR_INSTANTIATE(T)                                          \
  template void reparam_norms_backward_cuda(const ReparamNormGradients&, \
                                            float*,                      \
                                            float*,                      \
                                            const T*,                    \
                                            const float*,                \
                                            const ReparamPasses<T>&)
LARKSPUR_INSTANTIATE(float);
LARKSPUR_INSTANTIATE(Bfloat16);
LARKSPUR_INSTANTIATE(Float16);
#undef LARKSPUR_INSTANTIATE

}  // namespace larkspur::model3d
