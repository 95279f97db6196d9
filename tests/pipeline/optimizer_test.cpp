// SPDX-License-Identifier: Apache-2.0
#include "pipeline/optimizer.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "pipeline/ops/adamw_kernels.h"
#include "tests/support/solo_peers.h"

namespace larkspur::pipeline {
namespace {

constexpr AdamWOptions kOptions{0.9, 0.99, 1e-7, 0.1, 0.5};

struct TwoParameters {
  at::Tensor matrix = at::randn({70, 90}).requires_grad_();
  at::Tensor bias = at::randn({33}).requires_grad_();
  at::Tensor torch_matrix = matrix.detach().clone().requires_grad_();
  at::Tensor torch_bias = bias.detach().clone().requires_grad_();
  FlatParameters flat{{{"matrix", matrix, true}, {"bias", bias, false}}, 4096};
};

TEST(AdamW, AgreesWithTorchOverTwentyClippedSteps) {
  TwoParameters two;
  AdamW ours(two.flat.layout(), 0, 1, kOptions);
  using torch::optim::AdamWOptions;
  const auto options = AdamWOptions(0.01).betas({0.9, 0.99}).eps(1e-7);
  torch::optim::AdamW theirs(
      std::vector<torch::optim::OptimizerParamGroup>{
          {{two.torch_matrix},
           std::make_unique<AdamWOptions>(AdamWOptions(options).weight_decay(0.1))},
          {{two.torch_bias},
           std::make_unique<AdamWOptions>(AdamWOptions(options).weight_decay(0.0))}},
      options);
  testing::SoloPeers peers;
  for (int step = 1; step <= 20; ++step) {
    const at::Tensor gradient = at::randn({70, 90}) * (step % 3 == 0 ? 1e-4 : 1.0);
    const at::Tensor bias_gradient = at::randn({33});
    two.torch_matrix.mutable_grad() = gradient.clone();
    two.torch_bias.mutable_grad() = bias_gradient.clone();
    const double norm = torch::nn::utils::clip_grad_norm_({two.torch_matrix, two.torch_bias}, 0.5);
    theirs.step();

    two.flat.begin_lane();
    two.matrix.mutable_grad().copy_(gradient * 4.0);  // as a sum over four lanes
    two.bias.mutable_grad().copy_(bias_gradient * 4.0);
    const double found = ours.global_norm(two.flat.gradients(), 0.25, peers);
    EXPECT_NEAR(found, norm, 1e-5 * norm);
    ours.step(two.flat.values(), two.flat.gradients(), {0.25, found}, 0.01, step);
  }
  EXPECT_TRUE(at::allclose(two.matrix, two.torch_matrix, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(two.bias, two.torch_bias, 1e-5, 1e-6));
}

TEST(AdamW, GivesTheSameBitsHoweverTheChunksAreShared) {
  const at::Tensor gradient = at::randn({3 * kChunkElements});
  const at::Tensor start = at::randn({3 * kChunkElements});
  const FlatLayout layout({{"a", 12000, true}}, 1 << 20);
  const at::Tensor whole = start.clone();
  AdamW(layout, 0, 1, kOptions).step(whole, gradient, {1.0, 2.0}, 0.01, 1);
  const at::Tensor shared = start.clone();
  for (int rank = 0; rank < 2; ++rank) {
    AdamW part(layout, rank, 2, kOptions);
    const ElementRange mine = part.owned().front().flat;
    part.step(shared, gradient.narrow(0, mine.begin, mine.size()), {1.0, 2.0}, 0.01, 1);
  }
  EXPECT_TRUE(at::equal(whole, shared));
}

TEST(AdamW, LaunchesEnoughThreadsForEveryElement) {
  EXPECT_EQ(adamw_blocks(0), 1);
  EXPECT_EQ(adamw_blocks(1), 1);
  EXPECT_EQ(adamw_blocks(kAdamWThreads), 1);
  EXPECT_EQ(adamw_blocks(kAdamWThreads + 1), 2);
  EXPECT_EQ(adamw_blocks(std::int64_t{1} << 40), kAdamWMaxBlocks);
}

TEST(AdamW, RefusesOptionsOutOfRange) {
  EXPECT_THROW((AdamWOptions{1.0, 0.9, 1e-8, 0.0, 0.0}.check()), Error);
  EXPECT_THROW((AdamWOptions{0.9, 0.9, 1e-8, 0.0, -1.0}.check()), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
