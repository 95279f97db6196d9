// SPDX-License-Identifier: Apache-2.0
#include "pipeline/precision.h"

#include <utility>

#include <ATen/autocast_mode.h>

namespace larkspur::pipeline {

PrecisionScope::PrecisionScope(Precision precision, at::Device device)
    : casts_(precision != Precision::kFloat32), device_(device.type()) {
  if (!casts_) return;
  const bool brain = precision == Precision::kBFloat16;
  at::autocast::set_autocast_dtype(device_, brain ? at::kBFloat16 : at::kHalf);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::increment_nesting();
}

void PrecisionScope::end() {
  if (!std::exchange(casts_, false)) return;
  // The weights change before the next scope: their cast copies must go.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, false);
}

}  // namespace larkspur::pipeline
