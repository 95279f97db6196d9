// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "pipeline/ops/adamw_kernels.h"

namespace larkspur::pipeline {

void adamw_cpu(float* value,
               float* moment1,
               float* moment2,
               const float* gradient,
               std::int64_t n,
               const AdamWScalars& scalars) {
  const AdamWScalars s = scalars;
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * s.gradient_scale;
    const float m = moment1[i] + (1.0F - s.beta1) * (g - moment1[i]);
    const float v = s.beta2 * moment2[i] + (1.0F - s.beta2) * g * g;
    moment1[i] = m;
    moment2[i] = v;
    value[i] =
        value[i] * s.decay - s.step_size * (m / (std::sqrt(v) / s.root_correction2 + s.epsilon));
  }
}

}  // namespace larkspur::pipeline
