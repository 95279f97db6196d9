// SPDX-License-Identifier: Apache-2.0
// The op against the library's LayerNorm and GELU in float64, for rows that no vector divides.
#include <algorithm>
#include <cstring>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <gtest/gtest.h>

#include "model3d/ops/layer_norm/layer_norm.h"
#include "model3d/ops/layer_norm/layer_norm_loops.h"
#include "tests/support/far_network.h"

namespace larkspur::model3d {
namespace {

constexpr double kEps = 1e-6;

struct Derived {
  at::Tensor y, dx, dweight, dbias;
};

template <typename Op>
Derived derive(std::int64_t rows, std::int64_t columns, at::ScalarType type, const Op& op) {
  const auto leaf = [&](const char* name, std::vector<std::int64_t> sizes) {
    return larkspur::testing::far_input(name, sizes).to(type).detach().requires_grad_();
  };
  const at::Tensor x = leaf("x", {rows, columns});
  const at::Tensor weight = leaf("weight", {columns});
  const at::Tensor bias = leaf("bias", {columns});
  const at::Tensor y = op(x, weight, bias);
  y.mul(larkspur::testing::far_input("dy", {rows, columns}).to(type)).sum().backward();
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

double apart(const at::Tensor& got, const at::Tensor& reference) {
  const double size = std::max(1.0, reference.abs().max().item<double>());
  return (got.to(at::kDouble) - reference).abs().max().item<double>() / size;
}

TEST(LayerNormOp, AgreesWithTheLibraryInFloat64) {
  for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
    for (const std::int64_t columns : {2, 3, 4, 7, 12, 16, 20, 31, 33, 40, 64, 100, 320}) {
      const std::int64_t rows = columns == 20 ? 3000 : 37;  // several chunks once
      const Derived exact = derive(rows, columns, at::kDouble, [&](auto&& x, auto&& w, auto&& b) {
        const at::Tensor y = at::layer_norm(x, {columns}, w, b, kEps);
        return activation == Activation::kGelu ? at::gelu(y) : y;
      });

      const Derived got = derive(rows, columns, at::kFloat, [&](auto&& x, auto&& w, auto&& b) {
        return layer_norm(x, w, b, kEps, activation);
      });

      SCOPED_TRACE(columns);
      EXPECT_LT(apart(got.y, exact.y), 2e-6);
      // Two columns that are nearly equal make a gradient of any size: 1 / deviation.
      EXPECT_LT(apart(got.dx, exact.dx), columns < 4 ? 1e-3 : 2e-5);
      EXPECT_LT(apart(got.dweight, exact.dweight), 5e-6);
      EXPECT_LT(apart(got.dbias, exact.dbias), 5e-6);
    }
  }
}

TEST(LayerNormOp, GivesTheSameBitsOnTwoThreads) {
  const auto run = [](int threads) {
    at::set_num_threads(threads);
    return derive(5000, 20, at::kFloat, [](auto&& x, auto&& w, auto&& b) {
      return layer_norm(x, w, b, kEps, Activation::kGelu);
    });
  };
  const int before = at::get_num_threads();
  const Derived one = run(1);
  const Derived two = run(2);
  at::set_num_threads(before);

  EXPECT_TRUE(one.y.equal(two.y));
  EXPECT_TRUE(one.dx.equal(two.dx));
  EXPECT_TRUE(one.dweight.equal(two.dweight));
  EXPECT_TRUE(one.dbias.equal(two.dbias));
}

/// y, moments, dx and the gradients of weight and bias, one after the other.
std::vector<float> run_set(InstructionSet set, std::int64_t columns, bool gelu) {
  constexpr std::int64_t kRows = 5;
  const at::Tensor inputs = larkspur::testing::far_input("sets", {2 * kRows + 2, columns});
  const float* const x = inputs.const_data_ptr<float>();
  const float* const dy = x + kRows * columns;
  const float* const weight = dy + kRows * columns;
  std::vector<float> results(static_cast<std::size_t>(2 * kRows * columns + 2 * kRows));
  float* const dx = results.data() + kRows * columns;
  float* const moments = dx + kRows * columns;
  std::vector<float> sums(static_cast<std::size_t>(2 * columns));
  std::vector<float> scratch(static_cast<std::size_t>(columns));
  const NormOperands operands{weight, weight + columns, moments, moments + kRows};
  const NormRows rows{kRows, columns, static_cast<float>(kEps), gelu};
  const LayerNormLoops& loops = layer_norm_loops(set);
  loops.forward(results.data(), x, operands, rows);
  loops.backward(dx, sums.data(), sums.data() + columns, scratch.data(), dy, x, operands, rows);
  results.insert(results.end(), sums.begin(), sums.end());
  return results;
}

TEST(LayerNormOp, GivesTheSameBitsWithEverySetThatFuses) {
  for (const InstructionSet set : instruction_sets()) {
    if (set == InstructionSet::kPortable) continue;
    for (std::int64_t columns = 1; columns <= 100; ++columns) {
      for (const bool gelu : {false, true}) {
        const std::vector<float> expected = run_set(fastest_instruction_set(), columns, gelu);
        const std::vector<float> got = run_set(set, columns, gelu);
        EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0)
            << "set " << static_cast<int>(set) << ", " << columns << " columns";
      }
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
