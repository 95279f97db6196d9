// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/edge_list.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;

constexpr std::int64_t kRows = 5;

/// Whole numbers in [0, limit), the same at every call.
at::Tensor rows_below(const char* name,
                      std::int64_t limit,
                      const std::vector<std::int64_t>& shape) {
  return ((golden_noise(name, shape) + 1) * (static_cast<double>(limit) / 2))
      .floor()
      .to(at::kLong)
      .clamp(0, limit - 1);
}

/// Three samples of seven rows, linked 40 times to five rows.
EdgeList some_links(at::ScalarType type, const at::Tensor& weight) {
  return {rows_below("from", 7, {3, 40}), rows_below("to", kRows, {3, 40}), weight.to(type)};
}

at::Tensor reference(const at::Tensor& x_NRC, const EdgeList& links) {
  at::Tensor y = at::zeros({x_NRC.size(0), kRows, x_NRC.size(2)}, at::kDouble);
  for (std::int64_t n = 0; n < x_NRC.size(0); ++n) {
    for (std::int64_t e = 0; e < links.from_NE.size(1); ++e) {
      y[n][links.to_NE[n][e].item<std::int64_t>()] +=
          links.weight_NE[n][e].item<double>() *
          x_NRC[n][links.from_NE[n][e].item<std::int64_t>()].to(at::kDouble);
    }
  }
  return y;
}

TEST(SumRows, IsThatOfPlainLoops) {
  const at::Tensor x = golden_noise("x", {3, 7, 4}).to(at::kDouble);
  const EdgeList links = some_links(at::kDouble, golden_noise("w", {3, 40}));
  EXPECT_TRUE(scatter_sum(x, links, kRows).allclose(reference(x, links), 1e-14, 1e-14));
  const at::Tensor turned = x.transpose(0, 1).contiguous().transpose(0, 1);
  EXPECT_TRUE(scatter_sum(turned, links, kRows).equal(scatter_sum(x, links, kRows)));
}

// Types that the CPU leaves to ATen take the way of a GPU; whole numbers are exact in them.
TEST(SumRows, ThroughATenIsTheSame) {
  const at::Tensor x = (golden_noise("x", {3, 7, 4}) * 8).round();
  const EdgeList links = some_links(at::kHalf, (golden_noise("w", {3, 40}) * 2).round());
  EXPECT_TRUE(
      scatter_sum(x.to(at::kHalf), links, kRows).to(at::kDouble).equal(reference(x, links)));
}

TEST(SumRows, HasTheGradientOfItsFiniteDifferences) {
  const at::Tensor x = golden_noise("x", {3, 7, 4}).to(at::kDouble).requires_grad_(true);
  const EdgeList links = some_links(at::kDouble, golden_noise("w", {3, 40}));
  const at::Tensor weights = golden_noise("loss", {3, kRows, 4}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      {x}, [&] { return (scatter_sum(x, links, kRows) * weights).sum(); });
}

TEST(SumRows, RefusesSecondDerivatives) {
  const at::Tensor x = golden_noise("x", {3, 7, 4}).to(at::kDouble).requires_grad_(true);
  const at::Tensor y =
      scatter_sum(x, some_links(at::kDouble, golden_noise("w", {3, 40})), kRows).square().sum();
  const auto refusal =
      refusal_of([&] { torch::autograd::grad({y}, {x}, {}, std::nullopt, /*create_graph=*/true); });
  EXPECT_EQ(refusal.code, "unsupported");
  EXPECT_THAT(refusal.text, ::testing::HasSubstr("[scatter_sum] second derivatives asked for"));
}

// The order of additions shows in float32; threads must not change it.
TEST(SumRows, GivesTheSameBitsOnAnyNumberOfThreads) {
  const at::Tensor x = golden_noise("x", {6, 900, 8});
  const EdgeList links{rows_below("from", 900, {6, 30000}),
                       rows_below("to", 3, {6, 30000}),
                       golden_noise("w", {6, 30000})};
  const int threads = at::get_num_threads();
  const at::Tensor alone = scatter_sum(x, links, 3);
  at::set_num_threads(4);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(scatter_sum(x, links, 3).equal(alone));
  at::set_num_threads(threads);
}

TEST(SumRows, RefusesListsThatDoNotFit) {
  const at::Tensor x = at::zeros({3, 7, 4});
  EdgeList links = some_links(at::kFloat, at::ones({3, 40}));
  links.weight_NE = links.weight_NE.narrow(1, 0, 39);
  EXPECT_THAT(refusal_of([&] { scatter_sum(x, links, kRows); }).text,
              ::testing::HasSubstr("weights [3, 39] do not link rows of [3, 7, 4] to 5"));
  EXPECT_EQ(refusal_of([&] {
              scatter_sum(x, some_links(at::kDouble, at::ones({3, 40})), kRows);
            }).code,
            "invalid argument");
}

}  // namespace
}  // namespace larkspur::model3d
