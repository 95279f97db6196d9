// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/loss.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

/// One sample of a label.
Batch batch_of(std::int64_t label) {
  Batch batch;
  batch.labels = at::tensor({label}, at::kLong);
  return batch;
}

TEST(SumOfLosses, IsTheSmoothedCrossEntropy) {
  const at::Tensor logits = at::tensor({1.0, 2.0, -1.0}, at::kDouble).view({1, 3});
  Batch batch = batch_of(1);
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(-1.0));
  const double sharp = log_sum - 2.0;
  const double even = log_sum - (1.0 + 2.0 - 1.0) / 3.0;
  EXPECT_NEAR(sum_of_losses(logits, batch, 0.0).item<double>(), sharp, 1e-12);
  EXPECT_NEAR(sum_of_losses(logits, batch, 0.1).item<double>(), 0.9 * sharp + 0.1 * even, 1e-12);
}

TEST(SumOfLosses, OfSeveralLabelsIsBinaryCrossEntropyOfEveryClass) {
  const at::Tensor logits = at::tensor({1.0, 2.0, -1.0, 0.5, 0.0, 3.0}, at::kDouble).view({2, 3});
  Batch batch = batch_of(0);
  batch.labels = at::tensor(std::vector<std::int64_t>{2, 0, 1, kNoLabel}, at::kLong).view({2, 2});
  const auto loss = [](double logit, bool shown) {
    return std::log1p(std::exp(shown ? -logit : logit));
  };
  const double want = loss(1, true) + loss(2, false) + loss(-1, true) + loss(0.5, false) +
                      loss(0, true) + loss(3, false);
  EXPECT_NEAR(sum_of_losses(logits, batch, 0.0).item<double>(), want, 1e-12);
  EXPECT_THROW((void)sum_of_losses(logits, batch, 0.1), Error);
  EXPECT_EQ(count_correct(logits, batch).item<std::int64_t>(),
            0);  // the largest are classes 1 and 2
  batch.labels[0][1] = 1;
  EXPECT_EQ(count_correct(logits, batch).item<std::int64_t>(), 1);
}

/// What people's own scripts have: the same bits, value and gradient.
TEST(SumOfLosses, IsTheLibrarysCrossEntropyBitForBit) {
  at::manual_seed(3);
  const at::Tensor logits = at::randn({33, 40}).mul(5.0);
  Batch batch = batch_of(0);
  batch.labels = at::randint(40, {33}, at::kLong);
  for (const double smoothing : {0.0, 0.2}) {
    const at::Tensor theirs = logits.clone().requires_grad_();
    const at::Tensor ours = logits.clone().requires_grad_();
    const at::Tensor want =
        at::cross_entropy_loss(theirs, batch.labels, {}, at::Reduction::Sum, -100, smoothing);
    const at::Tensor sum = sum_of_losses(ours, batch, smoothing);
    EXPECT_TRUE(at::equal(sum, want)) << smoothing;
    want.backward();
    sum.backward();
    EXPECT_TRUE(at::equal(ours.grad(), theirs.grad())) << smoothing;
    Batch mixed = batch;
    mixed.partner_labels = batch.labels.flip(0);
    mixed.own_share = at::full({33}, 0.75F);
    const auto each = [&](const at::Tensor& labels) {
      return at::cross_entropy_loss(logits, labels, {}, at::Reduction::None, -100, smoothing);
    };
    const at::Tensor shares =
        mixed.own_share * each(batch.labels) + (1.0 - mixed.own_share) * each(mixed.partner_labels);
    EXPECT_TRUE(at::equal(sum_of_losses(logits, mixed, smoothing), shares.sum())) << smoothing;
    const at::Tensor rounded = logits.to(at::kBFloat16);
    EXPECT_TRUE(at::equal(sum_of_losses(rounded, batch, smoothing),
                          sum_of_losses(rounded.to(at::kFloat), batch, smoothing)));
  }
}

TEST(SumOfLosses, OfMixedSamplesWeighsBothLabels) {
  const at::Tensor logits = at::tensor({1.0, 2.0, -1.0}, at::kDouble).view({1, 3});
  Batch batch = batch_of(1);
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(-1.0));
  batch.partner_labels = at::tensor({2}, at::kLong);
  batch.own_share = at::tensor({0.75F});
  const double want = 0.75 * (log_sum - 2.0) + 0.25 * (log_sum + 1.0);
  EXPECT_NEAR(sum_of_losses(logits, batch, 0.0).item<double>(), want, 1e-12);
}

}  // namespace
}  // namespace larkspur::pipeline
