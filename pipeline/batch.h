// SPDX-License-Identifier: Apache-2.0
// The samples of one lane's share of a step (or of one evaluation batch), stacked.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/rng.h"
#include "pipeline/sample.h"

namespace larkspur::pipeline {

/// N good samples, or views of samples, those of one sample side by side; those that could not be
/// read are left out and listed in `bad`.
struct Batch {
  Inputs inputs;                ///< those of the samples as [N, ...]; empty when N is 0
  at::Tensor labels;            ///< int64 [N]; [N, L] where a sample has several, kNoLabel behind
  at::Tensor partner_labels;    ///< int64 [N] where the samples were mixed (mix.h); else undefined
  at::Tensor own_share;         ///< float32 [N], share of `labels`; defined with partner_labels
  std::vector<SampleKey> keys;  ///< [N], one a sample: the model's own draws are keyed by these
  std::vector<BadSample> bad;   ///< in order of position
  std::int64_t nominal = 0;     ///< N + views of the bad ones: what the loss divides by

  std::int64_t size() const { return static_cast<std::int64_t>(keys.size()); }
};

/// Stacks samples (any number, also none) into a batch: all have inputs of the same names and
/// shapes. `keys` has as many entries as `samples`; `views` of each sample follow one another, and
/// as many are missing for each bad one. Throws kInvalidArgument when names or shapes differ.
Batch collate(const std::vector<Sample>& samples,
              std::vector<SampleKey> keys,
              std::vector<BadSample> bad,
              std::int64_t views = 1);

/// Rows [begin, end) of a batch; its bad samples stay behind. Tensors are views of its own.
Batch rows_of(const Batch& batch, std::int64_t begin, std::int64_t end);

/// A copy with `change` applied to every tensor that is defined: inputs, labels, shares.
Batch with_tensors(const Batch& batch, const std::function<at::Tensor(const at::Tensor&)>& change);

}  // namespace larkspur::pipeline
