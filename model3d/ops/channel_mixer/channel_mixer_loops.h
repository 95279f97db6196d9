// SPDX-License-Identifier: Apache-2.0
// The element-wise passes of channel_mixer as each instruction set compiles them.
//
// Matrices are [rows][columns], rows one after the other; what is named after one column is
// [columns]. Sums down the columns are added to, row after row; callers bound the rows of a call so
// that float sums stay exact to a few bits.
#pragma once

#include <cstdint>

#include "model3d/kernels/instruction_set.h"

namespace larkspur::model3d {

struct MixerSize {
  std::int64_t rows, columns;
};

struct MixerLoops {
  /// to = from * factor
  void (*scale)(float* to, const float* from, const float* factor, MixerSize size);

  /// h += bias; a = gelu(h); squares += a^2
  void (*bias_gelu)(float* h, float* a, float* squares, const float* bias, MixerSize size);

  /// a = gelu(h); slope = gelu'(h)
  void (*gelu_and_slope)(float* a, float* slope, const float* h, MixerSize size);

  /// a = a * scale + shift
  void (*affine)(float* a, const float* scale, const float* shift, MixerSize size);

  /// sums += y
  void (*sums)(float* sums, const float* y, MixerSize size);

  /// squares += (y - mean)^2
  void (*centred_squares)(float* squares, const float* y, const float* mean, MixerSize size);

  /// out = x + y * scale + shift
  void (*residual)(float* out,
                   const float* x,
                   const float* y,
                   const float* scale,
                   const float* shift,
                   MixerSize size);

  /// sums += g; products += g * (y - mean)
  void (*norm_sums)(float* sums,
                    float* products,
                    const float* g,
                    const float* y,
                    const float* mean,
                    MixerSize size);

  /// dy = g * of_g + y * of_y + constant
  void (*norm_gradient)(float* dy,
                        const float* g,
                        const float* y,
                        const float* of_g,
                        const float* of_y,
                        const float* constant,
                        MixerSize size);

  /// responses += dq * a; sums += dq
  void (*response_sums)(
      float* responses, float* sums, const float* dq, const float* a, MixerSize size);

  /// dq = (dq * scale + a * of_norm) * slope; sums += that; then a = a * scale + shift
  void (*gelu_gradient)(float* dq,
                        float* a,
                        float* sums,
                        const float* slope,
                        const float* scale,
                        const float* shift,
                        const float* of_norm,
                        MixerSize size);

  /// products += dt * u; then du = dt * factor
  void (*scale_gradient)(float* du,
                         float* products,
                         const float* dt,
                         const float* u,
                         const float* factor,
                         MixerSize size);
};

extern const MixerLoops kMixerPortable;
extern const MixerLoops kMixerAvx2;
extern const MixerLoops kMixerAvx512;

inline const MixerLoops& mixer_loops(InstructionSet set) {
  return loops_for(set, kMixerPortable, kMixerAvx2, kMixerAvx512);
}

}  // namespace larkspur::model3d
