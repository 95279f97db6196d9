// SPDX-License-Identifier: Apache-2.0
#include "pipeline/loss.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

TEST(LaneLoss, IsTheSmoothedCrossEntropyOverTheNominalSize) {
  const at::Tensor logits = at::tensor({1.0, 2.0, -1.0}, at::kDouble).view({1, 3});
  const at::Tensor labels = at::tensor({1}, at::kLong);
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(-1.0));
  const double sharp = log_sum - 2.0;
  const double even = log_sum - (1.0 + 2.0 - 1.0) / 3.0;
  EXPECT_NEAR(lane_loss(logits, labels, 0.0, 1).item<double>(), sharp, 1e-12);
  EXPECT_NEAR(lane_loss(logits, labels, 0.1, 1).item<double>(), 0.9 * sharp + 0.1 * even, 1e-12);
  EXPECT_NEAR(lane_loss(logits, labels, 0.0, 4).item<double>(), sharp / 4.0, 1e-12);
}

}  // namespace
}  // namespace larkspur::pipeline
