// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/score_table.h"

#include <algorithm>
#include <numeric>

namespace larkspur::pipeline {
namespace {

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double average_precision(const std::vector<double>& scores, const std::vector<bool>& shown) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores[a] > scores[b];
  });
  const auto all = static_cast<double>(std::count(shown.begin(), shown.end(), true));
  double area = 0.0;
  double found = 0.0;
  for (std::size_t i = 0; i < order.size();) {
    double rise = 0.0;
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i) rise += shown[order[i]] ? 1.0 : 0.0;
    found += rise;
    area += rise / all * found / static_cast<double>(i);
  }
  return area;
}

Scores score_several(const std::vector<Prediction>& predictions,
                     const std::vector<std::vector<std::int64_t>>& labels,
                     const std::vector<std::int64_t>& bad_ids,
                     BadSamplePolicy policy,
                     std::int64_t classes) {
  Scores result;
  result.per_class.resize(static_cast<std::size_t>(classes));
  constexpr double kBelowAll = -1.0;  // probabilities are in [0, 1]
  std::int64_t present = 0;
  for (std::size_t k = 0; k < result.per_class.size(); ++k) {
    std::vector<double> scores;
    std::vector<bool> shown;
    const auto add = [&](std::int64_t id, double score) {
      const auto& own = labels[static_cast<std::size_t>(id)];
      scores.push_back(score);
      shown.push_back(std::find(own.begin(), own.end(), static_cast<std::int64_t>(k)) != own.end());
    };
    for (const Prediction& row : predictions) add(row.id, row.of_every_class[k]);
    if (policy == BadSamplePolicy::kWrong) {
      for (const std::int64_t id : bad_ids) add(id, kBelowAll);
    }
    ClassScore& one = result.per_class[k];
    result.samples = std::ssize(scores);
    one.samples = std::count(shown.begin(), shown.end(), true);
    if (one.samples == 0) continue;
    ++present;
    one.average_precision = 100.0 * average_precision(scores, shown);
    result.mean_average_precision += one.average_precision;
  }
  if (present > 0) result.mean_average_precision /= static_cast<double>(present);
  return result;
}

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
    if (prediction.label == kNoLabel) continue;
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
      if (label == kNoLabel) continue;
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

Scores score_list(const std::vector<Prediction>& predictions,
                  const std::vector<BadSample>& bad,
                  const std::vector<std::vector<std::int64_t>>& labels,
                  const ScoringOptions& options) {
  std::vector<std::int64_t> bad_ids;
  std::vector<std::int64_t> bad_labels;
  for (const BadSample& one : bad) {
    bad_ids.push_back(one.id);
    bad_labels.push_back(labels[static_cast<std::size_t>(one.id)].front());
  }
  if (!options.several_labels || labels.front().front() == kNoLabel) {
    return score(predictions, bad_labels, options.bad_samples, options.classes);
  }
  return score_several(predictions, labels, bad_ids, options.bad_samples, options.classes);
}

}  // namespace larkspur::pipeline
