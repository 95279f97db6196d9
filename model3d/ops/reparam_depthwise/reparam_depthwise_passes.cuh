// SPDX-License-Identifier: Apache-2.0
// What the passes of both directions share: y from the branches, a column at a time.
#pragma once

#include "model3d/kernels/device_types.cuh"
#include "model3d/kernels/slices.cuh"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_passes.h"

namespace larkspur::model3d {

/// y = shift + sum over branches of scale[b] * z[b]
struct BranchSum {
  float scale[kMostCudaBranches];
  float shift;
};

/// A norm as an affine map of its column.
struct ColumnNorm {
  double mean, inverse, scale, shift;
};

__device__ inline ColumnNorm column_norm(const CudaNorm& norm,
                                         double mean,
                                         double variance,
                                         std::int64_t column) {
  if (norm.weight == nullptr) return {0.0, 0.0, 1.0, 0.0};
  const double inverse = 1.0 / sqrt(variance + norm.eps);
  const double scale = norm.weight[column] * inverse;
  return {mean, inverse, scale, norm.bias[column] - mean * scale};
}

/// By moments as they lie in memory; those of y are number `branches`.
template <typename T>
__device__ ColumnNorm norm_in_memory(const ReparamPasses<T>& r, int number, std::int64_t c) {
  const bool last = number == r.branches;
  const CudaNorm& norm = last ? r.last : r.norms[number];
  if (norm.weight == nullptr) return column_norm(norm, 0.0, 0.0, c);
  const float* at = r.moments + static_cast<std::int64_t>(number) * 2 * r.plan.columns + c;
  return column_norm(norm, at[0], at[r.plan.columns], c);
}

__device__ inline void add_branch(BranchSum& sum, int b, const ColumnNorm& norm) {
  sum.scale[b] = static_cast<float>(norm.scale);
  sum.shift += static_cast<float>(norm.shift);
}

template <typename T>
__device__ BranchSum branches_in_memory(const ReparamPasses<T>& r, std::int64_t c) {
  BranchSum sum{};
#pragma unroll
  for (int b = 0; b < kMostCudaBranches; ++b) {
    if (b >= r.branches) break;
    add_branch(sum, b, norm_in_memory(r, b, c));
  }
  return sum;
}

template <typename T>
__device__ float y_at(const BranchSum& sum, const ReparamPasses<T>& r, std::int64_t index) {
  const std::int64_t map = r.plan.samples * r.plan.rows * r.plan.columns;
  const T* z = r.z + index;
  float y = sum.shift;
#pragma unroll
  for (int b = 0; b < kMostCudaBranches; ++b) {
    if (b >= r.branches) break;
    y += sum.scale[b] * to_float(*z);
    z += map;
  }
  return y;
}

}  // namespace larkspur::model3d
