// SPDX-License-Identifier: Apache-2.0
// The op against the library's LayerNorm and GELU in float64, for rows that no vector divides.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <gtest/gtest.h>

#include "model3d/ops/layer_norm/layer_norm.h"
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

}  // namespace
}  // namespace larkspur::model3d
