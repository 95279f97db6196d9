// SPDX-License-Identifier: Apache-2.0
#include "pipeline/precision.h"

#include <utility>

#include <ATen/autocast_mode.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {

PrecisionScope::PrecisionScope(Precision precision, at::Device device)
    : casts_(precision == Precision::kBFloat16) {
  if (!casts_) return;
  require(device.is_cuda(),
          Errc::kUnsupported,
          "train.precision: bfloat16 needs a GPU, this run is on the CPU: use "
          "train.precision=float32");
  at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCUDA, true);
  at::autocast::increment_nesting();
}

void PrecisionScope::end() {
  if (!std::exchange(casts_, false)) return;
  // The weights change before the next scope: their cast copies must go.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCUDA, false);
}

}  // namespace larkspur::pipeline
