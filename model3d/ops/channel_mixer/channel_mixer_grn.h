// SPDX-License-Identifier: Apache-2.0
// What forward and backward of channel_mixer's CPU twin share.
#pragma once

#include <cmath>
#include <cstdint>

#include "model3d/kernels/instruction_set.h"
#include "model3d/ops/channel_mixer/channel_mixer_kernels.h"
#include "model3d/ops/channel_mixer/channel_mixer_loops.h"

namespace larkspur::model3d {

inline const MixerLoops& fastest_mixer_loops() { return mixer_loops(fastest_instruction_set()); }

/// GRN (Woo et al. 2023, arXiv 2301.00808, section 3): response[k] = norms[k] / (their mean + eps).
/// Returns that divisor.
inline float grn_divisor(const float* norms, std::int64_t columns) {
  double sum = 0.0;
  for (std::int64_t k = 0; k < columns; ++k) sum += norms[k];
  return static_cast<float>(sum / static_cast<double>(columns) + kGrnEps);
}

/// What GRN multiplies each channel by: scale[k] = gamma[k] * response[k] + 1.
inline void grn_scale(
    float* scale, const float* gamma, const float* norms, float divisor, std::int64_t columns) {
  for (std::int64_t k = 0; k < columns; ++k) scale[k] = gamma[k] * (norms[k] / divisor) + 1.0F;
}

}  // namespace larkspur::model3d
