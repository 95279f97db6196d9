// SPDX-License-Identifier: Apache-2.0
// The average of weights and running statistics over the updates of a run: what is often better to
// evaluate than the last ones.
//
//   average = d * average + (1 - d) * value     after update u = 1, 2 ...
//   d       = min(decay, (u - 1) / (u + 8))
//
// The second line is the warm-up of TensorFlow's ExponentialMovingAverage, begun so that the first
// update sets the average: what the seed drew is soon forgotten.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/flat_layout.h"

namespace larkspur::pipeline {

/// One rank's part: of the weights what it owns, packed as gradients are, and all statistics. Every
/// element is a function of the values it saw alone, so bits depend on no number of ranks. Not
/// thread-safe.
class WeightAverage {
 public:
  /// `decay` in [0, 1), else kInvalidArgument; 0: nothing is kept. `owned`: ranges of the flat
  /// values, in the order they are packed in. `statistics`: elements of all together.
  WeightAverage(double decay,
                std::vector<ElementRange> owned,
                std::int64_t statistics,
                at::Device device);

  bool is_kept() const { return decay_ > 0; }

  /// After update number `update`, counted from 1. `values`: float32, flat; `statistics`: float32
  /// [their elements], or undefined where there are none.
  void add(const at::Tensor& values, const at::Tensor& statistics, std::int64_t update);

  const at::Tensor& weights() const { return weights_; }  ///< float32 [owned elements], or [0]
  const at::Tensor& statistics() const { return statistics_; }  ///< float32 [their number], or [0]

 private:
  double decay_;
  std::vector<ElementRange> owned_;
  at::Tensor weights_;
  at::Tensor statistics_;
};

}  // namespace larkspur::pipeline
