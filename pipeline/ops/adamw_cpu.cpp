// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "pipeline/ops/adamw_kernels.h"

namespace larkspur::pipeline {
namespace {

void step_piece(float* value,
                float* moment1,
                float* moment2,
                const float* gradient,
                std::int64_t n,
                const AdamWScalars& s,
                const AdamWRates& rates) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * s.gradient_scale;
    const float m = moment1[i] + (1.0F - s.beta1) * (g - moment1[i]);
    const float v = s.beta2 * moment2[i] + (1.0F - s.beta2) * g * g;
    moment1[i] = m;
    moment2[i] = v;
    value[i] = value[i] * rates.decay -
               rates.step_size * (m / (std::sqrt(v) / s.root_correction2 + s.epsilon));
  }
}

}  // namespace

void adamw_cpu(const AdamWCall& call) {
  const AdamWScalars scalars = call.scalars;
  for (std::int64_t i = 0; i < call.count; ++i) {
    const AdamWPiece& piece = call.pieces[i];
    step_piece(call.value + piece.value,
               call.moment1 + piece.packed,
               call.moment2 + piece.packed,
               call.gradient + piece.packed,
               piece.elements,
               scalars,
               call.rates[piece.group]);
  }
}

}  // namespace larkspur::pipeline
