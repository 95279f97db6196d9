// SPDX-License-Identifier: Apache-2.0
// What an evaluation is made of: one prediction a sample, and the scores that follow from them.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/sample.h"

namespace larkspur::pipeline {

/// The likeliest classes of one sample, best first.
struct Prediction {
  std::int64_t id = 0;  ///< place in the list
  std::int64_t label = 0;
  std::vector<std::int64_t> classes;  ///< up to five
  std::vector<double> probabilities;  ///< of these, in [0, 1]
};

/// What happens to a sample that cannot be read. It is named and counted either way.
enum class BadSamplePolicy : std::uint8_t { kWrong, kExclude };

struct ClassScore {
  std::int64_t samples = 0;  ///< counted ones
  std::int64_t correct = 0;  ///< top-1
  double accuracy() const {  ///< percent; 0 without samples
    return samples == 0 ? 0.0 : 100.0 * static_cast<double>(correct) / static_cast<double>(samples);
  }
};

struct Scores {
  double top1 = 0.0;  ///< percent of the counted samples
  double top5 = 0.0;
  double mean_class_accuracy = 0.0;   ///< percent, mean over the classes that have samples
  std::int64_t samples = 0;           ///< counted: all, or without the unreadable ones
  std::vector<ClassScore> per_class;  ///< [classes]
  std::vector<std::vector<std::int64_t>> confusion;  ///< [label][predicted], readable samples only
};

/// `predictions` one a readable sample, `bad_labels` the labels of the unreadable ones (counted as
/// wrong, or left out). Labels and classes in [0, classes).
Scores score(const std::vector<Prediction>& predictions,
             const std::vector<std::int64_t>& bad_labels,
             BadSamplePolicy policy,
             std::int64_t classes);

}  // namespace larkspur::pipeline
