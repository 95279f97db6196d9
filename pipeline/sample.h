// SPDX-License-Identifier: Apache-2.0
// What a reader hands over for one sample, and what stands in for a sample that cannot be read.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "pipeline/error.h"

namespace larkspur::pipeline {

/// One decoded, augmented sample.
struct Sample {
  at::Tensor input;           ///< float32, CPU, contiguous, without the batch axis; see the source
  std::int64_t label = 0;     ///< [0, classes)
  at::Tensor second_input{};  ///< as input, for networks that look twice; undefined for others
};

/// A sample of the list that could not be read, as reports and checkpoints keep it.
struct BadSample {
  std::int64_t position = 0;  ///< place in the order of the epoch (or of the evaluated list)
  std::int64_t id = 0;        ///< place in the list
  std::string name;           ///< path as the list gives it
  Errc code = Errc::kCorruptData;
  std::string message;

  bool operator==(const BadSample&) const = default;
};

}  // namespace larkspur::pipeline
