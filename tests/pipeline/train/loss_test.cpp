// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/loss.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

/// One sample of a label, beside others that could not be read.
Batch batch_of(std::int64_t label, std::int64_t nominal) {
  Batch batch;
  batch.labels = at::tensor({label}, at::kLong);
  batch.nominal = nominal;
  return batch;
}

TEST(LaneLoss, IsTheSmoothedCrossEntropyOverTheNominalSize) {
  const at::Tensor logits = at::tensor({1.0, 2.0, -1.0}, at::kDouble).view({1, 3});
  Batch batch = batch_of(1, 1);
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(-1.0));
  const double sharp = log_sum - 2.0;
  const double even = log_sum - (1.0 + 2.0 - 1.0) / 3.0;
  EXPECT_NEAR(lane_loss(logits, batch, 0.0).item<double>(), sharp, 1e-12);
  EXPECT_NEAR(lane_loss(logits, batch, 0.1).item<double>(), 0.9 * sharp + 0.1 * even, 1e-12);
  batch.nominal = 4;
  EXPECT_NEAR(lane_loss(logits, batch, 0.0).item<double>(), sharp / 4.0, 1e-12);
}

TEST(LaneLoss, OfSeveralLabelsIsBinaryCrossEntropyOfEveryClass) {
  const at::Tensor logits = at::tensor({1.0, 2.0, -1.0, 0.5, 0.0, 3.0}, at::kDouble).view({2, 3});
  Batch batch = batch_of(0, 4);
  batch.labels = at::tensor(std::vector<std::int64_t>{2, 0, 1, kNoLabel}, at::kLong).view({2, 2});
  const auto loss = [](double logit, bool shown) {
    return std::log1p(std::exp(shown ? -logit : logit));
  };
  const double want = loss(1, true) + loss(2, false) + loss(-1, true) + loss(0.5, false) +
                      loss(0, true) + loss(3, false);
  EXPECT_NEAR(lane_loss(logits, batch, 0.0).item<double>(), want / 4, 1e-12);
  EXPECT_THROW((void)lane_loss(logits, batch, 0.1), Error);
  EXPECT_EQ(count_correct(logits, batch).item<std::int64_t>(),
            0);  // the largest are classes 1 and 2
  batch.labels[0][1] = 1;
  EXPECT_EQ(count_correct(logits, batch).item<std::int64_t>(), 1);
}

TEST(LaneLoss, OfMixedSamplesWeighsBothLabels) {
  const at::Tensor logits = at::tensor({1.0, 2.0, -1.0}, at::kDouble).view({1, 3});
  Batch batch = batch_of(1, 2);
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(-1.0));
  batch.partner_labels = at::tensor({2}, at::kLong);
  batch.own_share = at::tensor({0.75F});
  const double want = (0.75 * (log_sum - 2.0) + 0.25 * (log_sum + 1.0)) / 2.0;
  EXPECT_NEAR(lane_loss(logits, batch, 0.0).item<double>(), want, 1e-12);
}

}  // namespace
}  // namespace larkspur::pipeline
