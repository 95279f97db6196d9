// SPDX-License-Identifier: Apache-2.0
// reparam_depthwise on a GPU: the passes between the convolutions, on plain memory. No LibTorch.
//
//   x -- convolutions -- z_b -- moments -- y = sum of norms, its moments -- u, means
//   du, z_b -- sums -- dy, its sums -- dz_b -- convolutions -- dx_b -- dx
//
// y is computed again wherever it is read. Maps are of type T: float, Bfloat16 or Float16
// (model3d/kernels/half_types.h), rounded once where they are stored; weights, moments and all sums
// are float32 or wider.
#pragma once

#include "model3d/kernels/slices.h"

struct CUstream_st;

namespace larkspur::model3d {

constexpr int kMostCudaBranches = 8;

/// weight null: no norm.
struct CudaNorm {
  const float* weight;  ///< [C]
  const float* bias;    ///< [C]
  double eps;
};

/// A call's sizes and what all passes read. Maps [N][P][C].
template <typename T>
struct ReparamPasses {
  SlicePlan plan;
  CUstream_st* stream;
  int branches;
  CudaNorm norms[kMostCudaBranches];
  CudaNorm last;
  T* z;            ///< [branches] maps
  float* moments;  ///< [branches + 1][2][C]: mean, biased variance; written by forward

  std::int64_t map() const { return plan.samples * plan.rows * plan.columns; }
  /// Floats of room for the sums of a pass over all branches.
  std::int64_t room() const {
    return plan.all_slices() * (2 * kMostCudaBranches + 2) * plan.columns;
  }
};

// Each queues its kernels and returns; throws Error{kDevice} if one cannot start. Outputs first;
// `partial` is room as above. Bits follow from the sizes alone.

/// u and its means [N][C] from z. Three kernels.
template <typename T>
void reparam_norms_cuda(T* u, float* means, float* partial, const ReparamPasses<T>& passes);

/// Gradients of norms, overwritten; null where there is none.
struct CudaNormGradients {
  float* weight;
  float* bias;
};

struct ReparamNormGradients {
  CudaNormGradients norms[kMostCudaBranches];
  CudaNormGradients last;
};

/// z becomes dz, from du and dmeans (null: zero); dy is scratch of a map, float32 because norms
/// take large parts of it away again. Three kernels.
template <typename T>
void reparam_norms_backward_cuda(const ReparamNormGradients& gradients,
                                 float* dy,
                                 float* partial,
                                 const T* du,
                                 const float* dmeans,
                                 const ReparamPasses<T>& passes);

/// dx = sum over branches of dx_b, one map after the other, in order. One kernel.
template <typename T>
void add_maps_cuda(T* dx, const T* parts, const ReparamPasses<T>& passes);

}  // namespace larkspur::model3d
