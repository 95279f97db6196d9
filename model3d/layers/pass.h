// SPDX-License-Identifier: Apache-2.0
// What a module may know about the forward pass it takes part in.
#pragma once

#include <span>

#include "pipeline/batch_norm_hook.h"
#include "pipeline/rng.h"

namespace larkspur::model3d {

/// A value; the keys are the caller's and outlive the pass.
struct Pass {
  /// Training: batch statistics, running statistics updated, random depth. Else nothing changes.
  bool training = false;

  /// [N] in training: one key a sample, from which the model's own draws come.
  std::span<const pipeline::SampleKey> keys{};

  /// What else is special about a training pass.
  pipeline::TrainingPass how{};
};

}  // namespace larkspur::model3d
