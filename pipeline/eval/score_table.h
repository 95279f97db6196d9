// SPDX-License-Identifier: Apache-2.0
// What an evaluation is made of: one prediction a sample, and the scores that follow from them.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/sample.h"

namespace larkspur::pipeline {

/// The likeliest classes of one sample, best first.
struct Prediction {
  std::int64_t id = 0;                   ///< place in the list
  std::int64_t label = 0;                ///< the (first) class it shows; kNoLabel: not known
  std::vector<std::int64_t> classes;     ///< up to five
  std::vector<double> probabilities;     ///< of these, in [0, 1]
  std::vector<float> view_logits{};      ///< [views x classes], view by view; where they are kept
  std::vector<double> of_every_class{};  ///< [classes]; where samples may show several classes
};

/// What happens to a sample that cannot be read. It is named and counted either way.
enum class BadSamplePolicy : std::uint8_t { kWrong, kExclude };

struct ClassScore {
  std::int64_t samples = 0;        ///< counted ones that show it
  std::int64_t correct = 0;        ///< top-1
  double average_precision = 0.0;  ///< percent; of samples of several classes
  double accuracy() const {        ///< percent; 0 without samples
    return samples == 0 ? 0.0 : 100.0 * static_cast<double>(correct) / static_cast<double>(samples);
  }
};

struct Scores {
  double top1 = 0.0;  ///< percent of the counted samples
  double top5 = 0.0;
  double mean_class_accuracy = 0.0;  ///< percent, mean over the classes that have samples
  /// Percent, mean over the classes that a counted sample shows; samples of several classes only.
  double mean_average_precision = 0.0;
  std::int64_t samples = 0;           ///< counted: all with labels, or without the unreadable ones
  std::vector<ClassScore> per_class;  ///< [classes]
  std::vector<std::vector<std::int64_t>> confusion;  ///< [label][predicted], readable samples only
};

/// Area below precision over recall in steps, in [0, 1]: samples are taken from the highest score
/// to the lowest, equal ones together, and every rise of recall weighs the precision there (what
/// scikit-learn calls average_precision_score). `shown`: whether a sample shows the class; at least
/// one does.
double average_precision(const std::vector<double>& scores, const std::vector<bool>& shown);

/// What an evaluation of samples of several classes is scored by: `labels` of every sample of the
/// list by id. Unreadable ones count as scored below all others, or not at all. Fills `samples`,
/// `mean_average_precision`, and of `per_class` samples and average_precision.
Scores score_several(const std::vector<Prediction>& predictions,
                     const std::vector<std::vector<std::int64_t>>& labels,
                     const std::vector<std::int64_t>& bad_ids,
                     BadSamplePolicy policy,
                     std::int64_t classes);

/// What a list is scored by.
struct ScoringOptions {
  BadSamplePolicy bad_samples = BadSamplePolicy::kWrong;
  std::int64_t classes = 0;
  bool several_labels = false;
};

/// score() or score_several() of a whole list, `labels` of every sample by id; of a list without
/// labels nothing is counted.
Scores score_list(const std::vector<Prediction>& predictions,
                  const std::vector<BadSample>& bad,
                  const std::vector<std::vector<std::int64_t>>& labels,
                  const ScoringOptions& options);

/// `predictions` one a readable sample, `bad_labels` the labels of the unreadable ones (counted as
/// wrong, or left out). Labels and classes in [0, classes); samples without label are not counted.
Scores score(const std::vector<Prediction>& predictions,
             const std::vector<std::int64_t>& bad_labels,
             BadSamplePolicy policy,
             std::int64_t classes);

}  // namespace larkspur::pipeline
