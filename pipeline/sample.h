// SPDX-License-Identifier: Apache-2.0
// What a reader hands over for one sample, and what stands in for a sample that cannot be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/error.h"
#include "pipeline/inputs.h"

namespace larkspur::pipeline {

/// Stands where a label is not known, and fills the rows of samples with fewer labels than others.
inline constexpr std::int64_t kNoLabel = -1;

/// One view of a decoded, augmented sample.
struct Sample {
  /// float32, or what float_input.h makes that of (indices: int32), CPU, contiguous, without the
  /// batch axis.
  Inputs inputs;
  /// In [0, classes), or kNoLabel; at least one. Most data sets have exactly one. A set whose
  /// samples show several classes at once has two or more for each, kNoLabel behind the true ones.
  std::vector<std::int64_t> labels{0};
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
