// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/optimizer.h"

#include <array>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "pipeline/ops/adamw_kernels.h"
#include "tests/support/solo_communicator.h"

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
  testing::SoloCommunicator communicator;
  for (int step = 1; step <= 20; ++step) {
    const at::Tensor gradient = at::randn({70, 90}) * (step % 3 == 0 ? 1e-4 : 1.0);
    const at::Tensor bias_gradient = at::randn({33});
    two.torch_matrix.mutable_grad() = gradient.clone();
    two.torch_bias.mutable_grad() = bias_gradient.clone();
    const double norm = torch::nn::utils::clip_grad_norm_({two.torch_matrix, two.torch_bias}, 0.5);
    theirs.step();

    two.flat.begin_lane();
    two.flat.finish_lane();
    two.matrix.mutable_grad().copy_(gradient * 4.0);  // as a sum over four lanes
    two.bias.mutable_grad().copy_(bias_gradient * 4.0);
    const double found =
        ours.global_norm(ours.square_sums(two.flat.gradients(), 0.25), communicator);
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

/// One parameter trained by AdamW as its paper writes it, in double, at a rate of its own.
struct PlainAdamW {
  at::Tensor value;
  double rate_factor;
  double decay;
  at::Tensor mean = at::zeros_like(value);
  at::Tensor square = at::zeros_like(value);

  void step(const at::Tensor& gradient, double learning_rate, int number) {
    const double rate = learning_rate * rate_factor;
    mean = 0.9 * mean + 0.1 * gradient;
    square = 0.99 * square + 0.01 * gradient * gradient;
    const at::Tensor unbiased_mean = mean / (1.0 - std::pow(0.9, number));
    const at::Tensor unbiased_square = square / (1.0 - std::pow(0.99, number));
    value = value - rate * decay * value - rate * unbiased_mean / (unbiased_square.sqrt() + 1e-7);
  }
};

TEST(AdamW, GivesEachGroupOfLayersItsOwnRateInStepAndDecay) {
  constexpr std::array<int, 3> kFromHead{3, 1, 0};
  const std::array<double, 3> factors{0.5 * 0.5 * 0.5, 0.5, 10.0};
  std::vector<Parameter> parameters;
  std::vector<PlainAdamW> plain;
  for (std::size_t i = 0; i < 3; ++i) {
    const at::Tensor value = at::randn({5000});
    plain.push_back({value.to(at::kDouble), factors[i], i == 1 ? 0.0 : 0.1});
    const std::string name(1, static_cast<char>('a' + i));
    parameters.push_back({name, value.clone().requires_grad_(), i != 1, kFromHead[i]});
  }
  FlatParameters flat(parameters, 4096);
  AdamWOptions options{0.9, 0.99, 1e-7, 0.1, 0.0};
  options.layer_decay = 0.5;
  options.head_rate = 10.0;
  AdamW ours(flat.layout(), 0, 1, options);
  for (int step = 1; step <= 10; ++step) {
    for (std::size_t i = 0; i < 3; ++i) {
      const at::Tensor gradient = at::randn({5000});
      parameters[i].tensor.mutable_grad().copy_(gradient);
      plain[i].step(gradient.to(at::kDouble), 0.02, step);
    }
    ours.step(flat.values(), flat.gradients(), {1.0, 1.0}, 0.02, step);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::allclose(parameters[i].tensor.to(at::kDouble), plain[i].value, 1e-5, 1e-6))
        << i;
  }
}

TEST(AdamW, LeavesFrozenParametersAndTheirMomentsAlone) {
  const at::Tensor frozen = at::randn({5000});
  const at::Tensor before = frozen.clone();
  const at::Tensor trained = at::randn({100}).requires_grad_();
  FlatParameters flat({{"frozen", frozen, true, 1, true}, {"trained", trained, true}}, 64);
  AdamW ours(flat.layout(), 0, 1, kOptions);
  const at::Tensor gradient = at::ones_like(flat.gradients());  // even if there were one
  ours.step(flat.values(), gradient, {1.0, 1.0}, 0.02, 1);
  EXPECT_TRUE(at::equal(frozen, before));
  for (const OwnedPart& part : ours.owned()) {
    const bool is_frozen = flat.layout().entries()[part.entry].frozen;
    const at::Tensor moment = ours.moment1().narrow(0, part.packed, part.flat.size());
    EXPECT_EQ(moment.count_nonzero().item<std::int64_t>() == 0, is_frozen);
  }
}

TEST(AdamW, RefusesOptionsOutOfRange) {
  EXPECT_THROW((AdamWOptions{1.0, 0.9, 1e-8, 0.0, 0.0}.check()), Error);
  EXPECT_THROW((AdamWOptions{0.9, 0.9, 1e-8, 0.0, -1.0}.check()), Error);
  EXPECT_THROW((AdamWOptions{0.9, 0.9, 1e-8, 0.0, 0.0, 0.0}.check()), Error);
  EXPECT_THROW((AdamWOptions{0.9, 0.9, 1e-8, 0.0, 0.0, 1.5}.check()), Error);
  EXPECT_THROW((AdamWOptions{.head_rate = 0.0}.check()), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
