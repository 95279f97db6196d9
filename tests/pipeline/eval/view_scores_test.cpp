// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/view_scores.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

TEST(ViewScores, AreMeansOfSoftmaxOrSoftmaxOfMeans) {
  const at::Tensor logits = at::tensor({1.0F, 3.0F, 8.0F, 0.0F}).view({2, 2});
  const double first = 1.0 / (1.0 + std::exp(2.0));
  const double second = 1.0 / (1.0 + std::exp(-8.0));
  const at::Tensor soft = fuse_views(logits, ViewFusion::kProbabilities);
  EXPECT_NEAR(soft[0].item<double>(), (first + second) / 2, 1e-15);
  EXPECT_NEAR(soft[1].item<double>(), 1 - (first + second) / 2, 1e-15);
  const at::Tensor hard = fuse_views(logits, ViewFusion::kLogits);  // means 4.5 and 1.5
  EXPECT_NEAR(hard[0].item<double>(), 1.0 / (1.0 + std::exp(-3.0)), 1e-15);
}

TEST(ViewScores, OfSeveralClassesAreEachOnItsOwn) {
  const at::Tensor logits = at::tensor({0.0F, 2.0F, 4.0F, -2.0F}).view({2, 2});
  const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  const at::Tensor mean = fuse_views(logits, ViewFusion::kProbabilities, true);
  EXPECT_NEAR(mean[0].item<double>(), (0.5 + sigmoid(4)) / 2, 1e-15);
  EXPECT_NEAR(mean[1].item<double>(), 0.5, 1e-15);
  EXPECT_NEAR(fuse_views(logits, ViewFusion::kLogits, true)[0].item<double>(), sigmoid(2), 1e-15);
}

TEST(ViewScores, OfOneViewAreItsSoftmax) {
  const at::Tensor logits = at::tensor({0.5F, 0.5F, -1.0F}).view({1, 3});
  const at::Tensor soft = fuse_views(logits, ViewFusion::kProbabilities);
  EXPECT_TRUE(soft.equal(fuse_views(logits, ViewFusion::kLogits)));
  EXPECT_EQ(soft[0].item<double>(), soft[1].item<double>());
  EXPECT_NEAR(soft.sum().item<double>(), 1.0, 1e-15);
}

}  // namespace
}  // namespace larkspur::pipeline
