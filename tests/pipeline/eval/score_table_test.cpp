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

TEST(Scores, LeaveSamplesWithoutLabelOut) {
  std::vector<Prediction> predictions = four_predictions();
  predictions[0].label = kNoLabel;
  const Scores scores = score(predictions, {kNoLabel, 1}, BadSamplePolicy::kWrong, 3);
  EXPECT_EQ(scores.samples, 4);
  EXPECT_DOUBLE_EQ(scores.top1, 25.0);
}

// Of scikit-learn's documentation, and worked by hand.
TEST(AveragePrecision, SumsPrecisionOverRisesOfRecall) {
  EXPECT_NEAR(average_precision({0.1, 0.4, 0.35, 0.8}, {false, false, true, true}),
              0.5 * 1.0 + 0.5 * 2.0 / 3.0,
              1e-15);
  EXPECT_EQ(average_precision({0.9, 0.1}, {true, false}), 1.0);
  EXPECT_EQ(average_precision({0.9, 0.1}, {false, true}), 0.5);
}

TEST(AveragePrecision, TakesEqualScoresTogetherInAnyOrder) {
  for (const auto& shown : {std::vector<bool>{true, false, false}, {false, false, true}}) {
    EXPECT_NEAR(average_precision({0.5, 0.5, 0.5}, shown), 1.0 / 3.0, 1e-15);
  }
}

TEST(SeveralScores, AverageOverTheClassesThatAreShown) {
  std::vector<Prediction> predictions(3);
  const double all[][3] = {{0.9, 0.2, 0.5}, {0.8, 0.6, 0.5}, {0.1, 0.7, 0.5}};
  for (std::size_t i = 0; i < 3; ++i) {
    predictions[i].id = static_cast<std::int64_t>(i);
    predictions[i].of_every_class = {all[i][0], all[i][1], all[i][2]};
  }
  const std::vector<std::vector<std::int64_t>> labels{{0}, {1, 0}, {0}, {1}};
  // Class 0: ranks 1, 2, 3 all shown: 1. Class 1: shown at rank 2 of three, and by the bad one.
  const Scores wrong = score_several(predictions, labels, {3}, BadSamplePolicy::kWrong, 3);
  EXPECT_EQ(wrong.samples, 4);
  EXPECT_EQ(wrong.per_class[1].samples, 2);
  EXPECT_NEAR(wrong.per_class[1].average_precision, 100 * (0.5 * 0.5 + 0.5 * 2.0 / 4.0), 1e-12);
  EXPECT_NEAR(wrong.mean_average_precision, (100.0 + 50.0) / 2, 1e-12);
  const Scores left_out = score_several(predictions, labels, {3}, BadSamplePolicy::kExclude, 3);
  EXPECT_EQ(left_out.samples, 3);
  EXPECT_NEAR(left_out.per_class[1].average_precision, 50.0, 1e-12);
  EXPECT_EQ(left_out.per_class[2].samples, 0);
}

TEST(Scores, OfNothingAreZero) {
  EXPECT_DOUBLE_EQ(score({}, {}, BadSamplePolicy::kWrong, 3).top1, 0.0);
}

}  // namespace
}  // namespace larkspur::pipeline
