// SPDX-License-Identifier: Apache-2.0
// The samples of one lane's share of a step (or of one evaluation batch), stacked.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/rng.h"
#include "pipeline/sample.h"

namespace larkspur::pipeline {

/// N good samples; those that could not be read are left out and listed in `bad`.
struct Batch {
  at::Tensor input;             ///< float32 [N, ...]; undefined when N is 0
  at::Tensor second_input;      ///< float32 [N, ...] where samples have two; else undefined
  at::Tensor labels;            ///< int64 [N]
  at::Tensor partner_labels;    ///< int64 [N] where the samples were mixed (mix.h); else undefined
  at::Tensor own_share;         ///< float32 [N], share of `labels`; defined with partner_labels
  std::vector<SampleKey> keys;  ///< [N], one a sample: the model's own draws are keyed by these
  std::vector<BadSample> bad;   ///< in order of position
  std::int64_t nominal = 0;     ///< N + bad.size(): what the loss divides by

  std::int64_t size() const { return static_cast<std::int64_t>(keys.size()); }
};

/// Stacks samples (all of one shape; any number, also none) into a batch; second inputs likewise,
/// all samples have one or none. `keys` has as many entries as `samples`. Throws kInvalidArgument
/// when shapes differ.
Batch collate(const std::vector<Sample>& samples,
              std::vector<SampleKey> keys,
              std::vector<BadSample> bad);

}  // namespace larkspur::pipeline
