// SPDX-License-Identifier: Apache-2.0
// The element-wise passes of reparam_depthwise as each instruction set compiles them, on packed
// maps: a vector of channels a position, "factors" a vector each.
#pragma once

#include <cstdint>

#include "model3d/kernels/instruction_set.h"

namespace larkspur::model3d {

inline constexpr std::int64_t kMostLanes = 16;

/// Of the values of each lane so far, to be zeroed before the first.
struct LaneMoments {
  double count;
  double mean[kMostLanes];
  double squares[kMostLanes];  ///< around the mean
};

/// dy = du * of_du + y * of_y + constant
struct NormGradientFactors {
  const float* of_du;
  const float* of_y;
  const float* constant;
};

/// Packed rows: `pitch` vectors apart, the first position after `pad` of them.
struct PackedRows {
  std::int64_t rows, width, pitch, pad;
};

struct ReparamLoops {
  /// Takes `vectors` more values of each lane into the moments, in blocks (Chan, Golub and LeVeque
  /// 1979).
  void (*add_moments)(LaneMoments* moments, const float* z, std::int64_t vectors);

  /// y = shift + sum over b of z[b] * scale[b]; scale [branches] vectors.
  void (*combine)(float* y,
                  const float* const* z,
                  const float* scale,
                  const float* shift,
                  std::int64_t branches,
                  std::int64_t vectors);

  /// y = y * scale + shift; sums += that
  void (*affine)(
      float* y, double* sums, const float* scale, const float* shift, std::int64_t vectors);

  /// du += more
  void (*add)(float* du, const float* more, std::int64_t vectors);

  /// sums += g; products += g * (z - mean)
  void (*norm_sums)(double* sums,
                    double* products,
                    const float* g,
                    const float* z,
                    const float* mean,
                    std::int64_t vectors);

  /// to, in padded rows, = the gradient; from `g` and `z`, not padded.
  void (*norm_gradient)(float* to,
                        const float* g,
                        const float* z,
                        const NormGradientFactors& factors,
                        const PackedRows& rows);
};

extern const ReparamLoops kReparamPortable;
extern const ReparamLoops kReparamAvx2;
extern const ReparamLoops kReparamAvx512;

inline const ReparamLoops& reparam_loops(InstructionSet set) {
  return loops_for(set, kReparamPortable, kReparamAvx2, kReparamAvx512);
}

}  // namespace larkspur::model3d
