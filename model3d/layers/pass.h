// SPDX-License-Identifier: Apache-2.0
// What a module may know about the forward pass it takes part in.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model3d/ops/running_moments/running_moments.h"
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

  /// Factors of random depth by number of the block, drawn in advance; null: a block draws its own.
  const std::vector<at::Tensor>* drop_path_factors = nullptr;

  /// Where ops leave the steps of running statistics, for whoever began the pass to take at once;
  /// null: they take them themselves.
  std::vector<RunningStep>* running = nullptr;

  /// Asks the gate of a training pass, if it has one, before the parameters under `part` are used.
  void before_use(const std::string& part) const {
    if (training && how.before_use) how.before_use(part);
  }
};

}  // namespace larkspur::model3d
