// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/sync_batch_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "pipeline/error.h"
#include "tests/support/solo_communicator.h"

namespace larkspur::pipeline {
namespace {

constexpr std::int64_t kChannels = 3;

/// Lanes of two, one and three samples, with means far apart.
std::vector<BatchNormCall> three_lanes() {
  std::vector<BatchNormCall> lanes;
  const at::Tensor weight = at::randn({kChannels});
  const at::Tensor bias = at::randn({kChannels});
  const at::Tensor mean = at::zeros({kChannels});
  const at::Tensor variance = at::ones({kChannels});
  for (const std::int64_t samples : {2, 1, 3}) {
    const at::Tensor x = at::randn({samples, kChannels, 2, 5}) * 2 + 3 * samples;
    lanes.push_back({x.detach().requires_grad_(),
                     weight.detach().clone().requires_grad_(),
                     bias.detach().clone().requires_grad_(),
                     mean,
                     variance});
  }
  return lanes;
}

Moments all_moments(const std::vector<BatchNormCall>& lanes) {
  Moments all;
  for (const BatchNormCall& lane : lanes) all.join(moments_of(lane.x));
  return all;
}

at::Tensor wide(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble); }

void expect_close(const at::Tensor& found, const at::Tensor& expected) {
  const double distance = (wide(found) - expected).norm().item<double>();
  EXPECT_LE(distance, 2e-6 * expected.norm().item<double>());
}

/// Everything once more in float64, with the lanes as one batch.
TEST(SyncBatchNorm, AgreesWithOneBatchOfAllLanes) {
  const auto lanes = three_lanes();
  testing::SoloCommunicator communicator;
  LaneRounds rounds(communicator);
  const Moments all = all_moments(lanes);
  const auto found = sync_batch_norm(lanes, all, rounds, 0);
  update_running(lanes[1], all);

  std::vector<at::Tensor> parts;
  for (const BatchNormCall& lane : lanes) parts.push_back(wide(lane.x));
  const at::Tensor x = at::cat(parts).requires_grad_();
  const at::Tensor weight = wide(lanes[0].weight).requires_grad_();
  const at::Tensor bias = wide(lanes[0].bias).requires_grad_();
  const at::Tensor mean = at::zeros({kChannels}, at::kDouble);
  const at::Tensor variance = at::ones({kChannels}, at::kDouble);
  const at::Tensor y =
      at::batch_norm(x, weight, bias, mean, variance, true, 0.1, 1e-5, /*cudnn_enabled=*/false);
  expect_close(at::cat(found), y.detach());
  expect_close(lanes[0].running_mean, mean);
  expect_close(lanes[0].running_var, variance);

  const at::Tensor dy = at::randn(y.sizes(), at::kDouble);
  y.backward(dy);
  torch::autograd::variable_list incoming;
  for (const at::Tensor& part : dy.to(at::kFloat).split_with_sizes({2, 1, 3})) {
    incoming.push_back(part);
  }
  torch::autograd::backward(found, incoming);
  const auto gradients = [&](const auto& of) {
    std::vector<at::Tensor> each;
    for (const BatchNormCall& lane : lanes) each.push_back(of(lane).grad());
    return each;
  };
  expect_close(at::cat(gradients([](const BatchNormCall& lane) { return lane.x; })), x.grad());
  const auto dw = gradients([](const BatchNormCall& lane) { return lane.weight; });
  const auto db = gradients([](const BatchNormCall& lane) { return lane.bias; });
  expect_close(dw[0] + dw[1] + dw[2], weight.grad());
  expect_close(db[0] + db[1] + db[2], bias.grad());
  expect_close(db[1], dy.slice(0, 2, 3).sum(at::IntArrayRef{0, 2, 3}));  // its own lane's alone
}

TEST(SyncBatchNorm, ALaneThatNothingComesBackToStillGetsItsShare) {
  const auto lanes = three_lanes();
  testing::SoloCommunicator communicator;
  LaneRounds rounds(communicator);
  const auto y = sync_batch_norm(lanes, all_moments(lanes), rounds, 0);
  y[0].square().sum().backward();
  EXPECT_GT(lanes[2].x.grad().norm().item<double>(), 0.0);
  EXPECT_EQ(lanes[2].weight.grad().norm().item<double>(), 0.0);
}

TEST(SyncBatchNorm, OneValueAChannelGivesTheBiasAndTeachesNothing) {
  auto lane = three_lanes()[1];
  lane.x = at::randn({1, kChannels}).requires_grad_();
  testing::SoloCommunicator communicator;
  LaneRounds rounds(communicator);
  const Moments all = all_moments({lane});
  const auto y = sync_batch_norm({lane}, all, rounds, 0);
  update_running(lane, all);
  y[0].sum().backward();
  EXPECT_TRUE(y[0].flatten().allclose(lane.bias, 0.0, 1e-4));
  EXPECT_EQ(lane.x.grad().count_nonzero().item<std::int64_t>(), 0);
  EXPECT_EQ(lane.running_mean.count_nonzero().item<std::int64_t>(), 0);
}

TEST(SyncBatchNorm, ASecondBackwardIsRefused) {
  const auto lanes = three_lanes();
  testing::SoloCommunicator communicator;
  LaneRounds rounds(communicator);
  const at::Tensor sum = sync_batch_norm(lanes, all_moments(lanes), rounds, 0)[0].sum();
  sum.backward();
  EXPECT_THROW(sum.backward(), std::exception);
}

}  // namespace
}  // namespace larkspur::pipeline
