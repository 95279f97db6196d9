// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/score_table.h"

#include <algorithm>

namespace larkspur::pipeline {
namespace {

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Scores score(const std::vector<Prediction>& predictions,
             const std::vector<std::int64_t>& bad_labels,
             BadSamplePolicy policy,
             std::int64_t classes) {
  const auto count = static_cast<std::size_t>(classes);
  Scores scores;
  scores.per_class.resize(count);
  scores.confusion.assign(count, std::vector<std::int64_t>(count, 0));
  std::int64_t first = 0;
  std::int64_t among_five = 0;
  for (const Prediction& prediction : predictions) {
    const auto& ranked = prediction.classes;
    const auto label = static_cast<std::size_t>(prediction.label);
    const bool correct = ranked.front() == prediction.label;
    ++scores.samples;
    first += correct ? 1 : 0;
    among_five += std::find(ranked.begin(), ranked.end(), prediction.label) != ranked.end() ? 1 : 0;
    ++scores.per_class[label].samples;
    scores.per_class[label].correct += correct ? 1 : 0;
    ++scores.confusion[label][static_cast<std::size_t>(ranked.front())];
  }
  if (policy == BadSamplePolicy::kWrong) {
    for (const std::int64_t label : bad_labels) {
      ++scores.samples;
      ++scores.per_class[static_cast<std::size_t>(label)].samples;
    }
  }
  scores.top1 = percent(first, scores.samples);
  scores.top5 = percent(among_five, scores.samples);
  std::int64_t present = 0;
  for (const ClassScore& one : scores.per_class) {
    if (one.samples == 0) continue;
    ++present;
    scores.mean_class_accuracy += one.accuracy();
  }
  if (present > 0) scores.mean_class_accuracy /= static_cast<double>(present);
  return scores;
}

}  // namespace larkspur::pipeline
