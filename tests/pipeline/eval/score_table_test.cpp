// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/score_table.h"

#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

// Three of class 0 (two right), one of class 1 (wrong first, right among five), none of class 2.
std::vector<Prediction> four_predictions() {
  return {
      {0, 0, {0, 1, 2}, {}}, {1, 0, {0, 2, 1}, {}}, {2, 0, {2, 1, 0}, {}}, {3, 1, {0, 1, 2}, {}}};
}

TEST(Scores, WeighSamplesInTopOneAndClassesInTheClassMean) {
  const Scores scores = score(four_predictions(), {}, BadSamplePolicy::kWrong, 3);
  EXPECT_DOUBLE_EQ(scores.top1, 50.0);
  EXPECT_DOUBLE_EQ(scores.top5, 100.0);
  EXPECT_NEAR(scores.mean_class_accuracy, (200.0 / 3.0 + 0.0) / 2.0, 1e-12);
  EXPECT_EQ(scores.confusion[0][2], 1);
  EXPECT_EQ(scores.confusion[1][0], 1);
}

TEST(Scores, CountAnUnreadableSampleAsWrong) {
  const Scores scores = score(four_predictions(), {1}, BadSamplePolicy::kWrong, 3);
  EXPECT_EQ(scores.samples, 5);
  EXPECT_DOUBLE_EQ(scores.top1, 40.0);
  EXPECT_DOUBLE_EQ(scores.top5, 80.0);
  EXPECT_EQ(scores.per_class[1].samples, 2);
}

TEST(Scores, LeaveAnUnreadableSampleOutWhenAsked) {
  const Scores scores = score(four_predictions(), {1}, BadSamplePolicy::kExclude, 3);
  EXPECT_EQ(scores.samples, 4);
  EXPECT_DOUBLE_EQ(scores.top1, 50.0);
}

TEST(Scores, OfNothingAreZero) {
  EXPECT_DOUBLE_EQ(score({}, {}, BadSamplePolicy::kWrong, 3).top1, 0.0);
}

}  // namespace
}  // namespace larkspur::pipeline
