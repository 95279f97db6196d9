// SPDX-License-Identifier: Apache-2.0
// LayerNorm over the last axis as each instruction set compiles it.
#pragma once

#include <cstdint>

#include "model3d/kernels/instruction_set.h"

namespace larkspur::model3d {

/// Rows of `columns` values, one after the other.
struct NormRows {
  std::int64_t rows, columns;
  float eps;
  bool gelu;  ///< behind the norm
};

/// weight, bias [columns]; mean, inverse deviation [rows].
struct NormOperands {
  const float* weight;
  const float* bias;
  float* mean;
  float* inverse;
};

struct LayerNormLoops {
  /// y = norm(x), or gelu of that; writes mean and inverse.
  void (*forward)(float* y, const float* x, const NormOperands& operands, const NormRows& rows);

  /// dx; dweight, dbias [columns] are added to. Reads mean and inverse. `scratch` [columns].
  void (*backward)(float* dx,
                   float* dweight,
                   float* dbias,
                   float* scratch,
                   const float* dy,
                   const float* x,
                   const NormOperands& operands,
                   const NormRows& rows);
};

extern const LayerNormLoops kLayerNormPortable;
extern const LayerNormLoops kLayerNormAvx2;
extern const LayerNormLoops kLayerNormAvx512;

inline const LayerNormLoops& layer_norm_loops(InstructionSet set) {
  return loops_for(set, kLayerNormPortable, kLayerNormAvx2, kLayerNormAvx512);
}

}  // namespace larkspur::model3d
