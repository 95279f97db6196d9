// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/lane_statistics.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

TEST(LaneStatistics, EveryLaneStartsAlikeAndTheStepEndsWithTheMean) {
  const at::Tensor mean = at::tensor({1.0F, 2.0F});
  const at::Tensor variance = at::tensor({4.0F});
  LaneStatistics statistics({{"mean", mean}, {"variance", variance}});
  statistics.begin_step();
  for (const float change : {1.0F, 3.0F}) {
    statistics.begin_lane();
    EXPECT_EQ(mean[0].item<float>(), 1.0F);
    mean.add_(change);
    variance.mul_(change);
    statistics.end_lane();
  }
  const at::Tensor lanes = statistics.lanes();
  EXPECT_EQ(lanes.sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(lanes[1][2].item<float>(), 12.0F);
  statistics.finish_step(lanes.mean(0));
  EXPECT_EQ(mean[0].item<float>(), 3.0F);
  EXPECT_EQ(mean[1].item<float>(), 4.0F);
  EXPECT_EQ(variance[0].item<float>(), 8.0F);
}

TEST(LaneStatistics, ShareTheirValuesWithAnotherNetwork) {
  const at::Tensor mean = at::tensor({1.0F, 2.0F});
  const LaneStatistics statistics({{"mean", mean}});
  const at::Tensor other = at::tensor({7.0F, 7.0F});
  statistics.share_values({{"mean", other}});
  EXPECT_EQ(other[1].item<float>(), 2.0F);
  other.add_(1.0F);
  EXPECT_EQ(mean[1].item<float>(), 3.0F);
}

}  // namespace
}  // namespace larkspur::pipeline
