// SPDX-License-Identifier: Apache-2.0
// The op against sums and maxima written out in float64, for widths that no vector divides.
#include "model3d/ops/neighbour_max/neighbour_max.h"

#include <cstring>
#include <limits>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "model3d/ops/neighbour_max/neighbour_max_loops.h"
#include "model3d/points/neighbourhood.h"
#include "tests/support/far_network.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::far_input;
using larkspur::testing::refusal_of;

struct Sizes {
  std::int64_t samples, points, k, hidden, columns;
};

/// Every point's neighbours, in no order.
at::Tensor neighbours(const Sizes& sizes) {
  return at::arange(sizes.samples * sizes.points * sizes.k, at::kLong)
      .mul(7919)
      .remainder(sizes.points)
      .view({sizes.samples, sizes.points, sizes.k});
}

struct Derived {
  at::Tensor y;
  std::vector<at::Tensor> gradients;
};

at::Tensor leaf(const char* name, std::vector<std::int64_t> sizes, at::ScalarType type) {
  return far_input(name, sizes).to(type).detach().requires_grad_();
}

Derived derive_largest(const Sizes& sizes, at::ScalarType type) {
  const at::Tensor x = leaf("x", {sizes.samples, sizes.points, sizes.columns}, type);
  const at::Tensor y = largest_nearby(x, neighbours(sizes));
  y.mul(far_input("dy", y.sizes().vec()).to(type)).sum().backward();
  return {y.detach(), {x.grad()}};
}

Derived derive_edges(const Sizes& sizes, at::ScalarType type) {
  const std::vector<std::int64_t> rows{sizes.samples, sizes.points, sizes.hidden};
  const at::Tensor given = leaf("given", rows, type);
  const at::Tensor taken = leaf("taken", rows, type);
  const at::Tensor weight = leaf("weight", {sizes.columns, sizes.hidden}, type);
  const at::Tensor y = largest_edge(given, taken, weight, neighbours(sizes));
  y.mul(far_input("dy", y.sizes().vec()).to(type)).sum().backward();
  return {y.detach(), {given.grad(), taken.grad(), weight.grad()}};
}

void expect_near(const Derived& got, const Derived& exact) {
  const auto apart = [](const at::Tensor& of, const at::Tensor& from) {
    return (of.to(at::kDouble) - from).abs().max().item<double>();
  };
  EXPECT_LT(apart(got.y, exact.y), 1e-5 * exact.y.abs().max().item<double>());
  for (std::size_t i = 0; i < exact.gradients.size(); ++i) {
    const double size = exact.gradients[i].abs().max().item<double>();
    EXPECT_LT(apart(got.gradients[i], exact.gradients[i]), 1e-5 * size) << "gradient " << i;
  }
}

const std::vector<Sizes> kSizes{
    {1, 1, 1, 1, 1}, {2, 9, 1, 3, 5}, {3, 30, 16, 32, 48}, {2, 25, 7, 33, 31}, {1, 12, 3, 8, 100}};

TEST(NeighbourMax, IsTheLargestOfTheNeighboursWithTheWinnersGradients) {
  for (const Sizes& sizes : kSizes) {
    SCOPED_TRACE(sizes.columns);
    const Derived got = derive_largest(sizes, at::kFloat);
    expect_near(got, derive_largest(sizes, at::kDouble));
    const at::Tensor x = far_input("x", {sizes.samples, sizes.points, sizes.columns});
    const at::Tensor rows = x[0].index_select(0, neighbours(sizes)[0][0]);
    EXPECT_TRUE(got.y[0][0].equal(rows.amax(0)));
  }
}

TEST(NeighbourMax, OfEdgesIsThatOfTheLibraryInFloat64) {
  for (const Sizes& sizes : kSizes) {
    SCOPED_TRACE(sizes.hidden);
    expect_near(derive_edges(sizes, at::kFloat), derive_edges(sizes, at::kDouble));
  }
}

TEST(NeighbourMax, GivesTheGradientOfEqualOnesToTheFirst) {
  const at::Tensor nearest = at::arange(3, at::kLong).add(1).remainder(3).view({1, 1, 3});
  const at::Tensor x = at::ones({1, 3, 2}).requires_grad_();
  largest_nearby(x, nearest.expand({1, 3, 3})).narrow(1, 0, 1).sum().backward();
  EXPECT_EQ(x.grad()[0][1][0].item<float>(), 1.0F);  // the first neighbour is point 1
  EXPECT_EQ(x.grad().sum().item<float>(), 2.0F);
}

TEST(NeighbourMax, LetsNothingBeLargerThanNotANumber) {
  const at::Tensor nearest = at::arange(3, at::kLong).expand({1, 3, 3});
  at::Tensor x = at::ones({1, 3, 2});
  x[0][1][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(largest_nearby(x, nearest).select(2, 0).isnan().all().item<bool>());
  EXPECT_TRUE(largest_nearby(x, nearest).select(2, 1).isfinite().all().item<bool>());
  const at::Tensor edges = largest_edge(x, at::zeros_like(x), at::ones({4, 2}), nearest);
  EXPECT_TRUE(edges.isnan().all().item<bool>());
}

TEST(NeighbourMax, GivesTheSameBitsOnTwoThreadsAndInAnyBatch) {
  const Sizes sizes{5, 40, 16, 32, 24};
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Derived one = derive_edges(sizes, at::kFloat);
  at::set_num_threads(2);
  const Derived two = derive_edges(sizes, at::kFloat);
  at::set_num_threads(before);
  EXPECT_TRUE(one.y.equal(two.y));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(one.gradients[i].equal(two.gradients[i])) << i;
  const std::vector<std::int64_t> rows{5, 40, 32};
  const at::Tensor weight = far_input("weight", {24, 32});
  const at::Tensor alone = largest_edge(far_input("given", rows).narrow(0, 2, 1),
                                        far_input("taken", rows).narrow(0, 2, 1),
                                        weight,
                                        neighbours(sizes).narrow(0, 2, 1));
  EXPECT_TRUE(alone[0].equal(one.y[2]));
}

/// All that the loops of a set write.
std::vector<float> run_set(InstructionSet set, std::int64_t columns) {
  constexpr std::int64_t kRows = 6;
  const std::vector<std::int64_t> numbers{3, 0, 5, 3};
  const at::Tensor inputs = far_input("sets", {kRows + 2, columns});
  const float* const x = inputs.const_data_ptr<float>();
  const float* const taken = x + kRows * columns;
  const ChosenRows chosen{x, columns, numbers.data(), 4};
  std::vector<float> results(static_cast<std::size_t>((4 + kRows + 5) * columns));
  float* const best = results.data();
  float* const edges = best + columns;
  float* const dgiven = edges + 4 * columns;
  float* const rest = dgiven + kRows * columns;
  std::vector<std::int32_t> winners(static_cast<std::size_t>(columns));
  const NeighbourMaxLoops& loops = neighbour_max_loops(set);
  loops.strongest(best, winners.data(), chosen);
  loops.edges(edges, taken, chosen);
  loops.add_gradient(rest, rest + columns, 0.3F, edges, taken, columns);
  loops.add_gradient(rest, rest + columns, 0.7F, edges + columns, taken + columns, columns);
  loops.add_edges(dgiven, rest + 2 * columns, x, edges, chosen);
  results.insert(results.end(), winners.begin(), winners.end());
  return results;
}

TEST(NeighbourMax, GivesTheSameBitsWithEverySetThatFuses) {
  for (const InstructionSet set : instruction_sets()) {
    for (std::int64_t columns = 1; columns <= 50; ++columns) {
      const std::vector<float> expected = run_set(fastest_instruction_set(), columns);
      const std::vector<float> got = run_set(set, columns);
      SCOPED_TRACE(columns);
      if (set == InstructionSet::kPortable) {
        EXPECT_THAT(got, ::testing::Pointwise(::testing::FloatNear(1e-5F), expected));
      } else {
        EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0);
      }
    }
  }
}

TEST(NeighbourMax, RefusesShapesAndSecondDerivatives) {
  const at::Tensor x = at::ones({2, 5, 3});
  const at::Tensor nearest = at::zeros({2, 5, 4}, at::kLong);
  using ::testing::HasSubstr;
  const auto refused = [](auto&& call) { return refusal_of(call).text; };
  EXPECT_THAT(refused([&] { largest_nearby(x, nearest.narrow(1, 0, 4)); }),
              HasSubstr("[neighbourhood] rows [2, 5, 3] and neighbours [2, 4, 4] are not"));
  EXPECT_THAT(refused([&] { largest_nearby(x, nearest.to(at::kInt)); }),
              HasSubstr("int64 [N,P,k]"));
  EXPECT_THAT(refused([&] {
                largest_edge(x, x, at::ones({7, 4}), nearest);
              }),
              HasSubstr("weight [7, 4] are not [N,P,H] twice and [C,H]"));
  const at::Tensor leaf = at::ones({2, 5, 3}).requires_grad_();
  const at::Tensor sum = largest_nearby(leaf, nearest).sum();
  EXPECT_THAT(refused([&] {
                torch::autograd::grad({sum}, {leaf}, {}, std::nullopt, /*create_graph=*/true);
              }),
              HasSubstr("second derivatives"));
}

}  // namespace
}  // namespace larkspur::model3d
