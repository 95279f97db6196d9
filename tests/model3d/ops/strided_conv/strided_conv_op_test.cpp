// SPDX-License-Identifier: Apache-2.0
// The op against the library's convolution in float64: maps smaller than the kernel, odd sizes,
// strides and paddings that differ by axis.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/convolution.h>
#include <gtest/gtest.h>

#include "model3d/ops/strided_conv/strided_conv.h"
#include "tests/support/far_network.h"

namespace larkspur::model3d {
namespace {

using Sizes = std::vector<std::int64_t>;

struct Case {
  Sizes x;
  std::int64_t outputs;
  Sizes taps, stride, padding;
};

struct Derived {
  at::Tensor y, dx, dweight, dbias;
};

template <typename Op>
Derived derive(const Case& c, at::ScalarType type, const Op& op) {
  const auto leaf = [&](const char* name, const Sizes& sizes) {
    return larkspur::testing::far_input(name, sizes).to(type).detach().requires_grad_();
  };
  const at::Tensor x = leaf("x", c.x);
  const at::Tensor weight = leaf("weight", {c.outputs, c.x[1], c.taps[0], c.taps[1], c.taps[2]});
  const at::Tensor bias = leaf("bias", {c.outputs});
  const at::Tensor y = op(x, weight, bias);
  y.mul(larkspur::testing::far_input("dy", y.sizes().vec()).to(type)).sum().backward();
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

Derived exact(const Case& c) {
  return derive(c, at::kDouble, [&](auto&& x, auto&& weight, auto&& bias) {
    return at::convolution(
        x, weight, bias, c.stride, c.padding, Sizes{1, 1, 1}, false, Sizes{0, 0, 0}, 1);
  });
}

Derived by_op(const Case& c) {
  return derive(c, at::kFloat, [&](auto&& x, auto&& weight, auto&& bias) {
    return strided_conv(x, weight, bias, c.stride, c.padding);
  });
}

double apart(const at::Tensor& got, const at::Tensor& reference) {
  const double size = std::max(1.0, reference.abs().max().item<double>());
  return (got.to(at::kDouble) - reference).abs().max().item<double>() / size;
}

TEST(StridedConvOp, AgreesWithTheLibraryInFloat64) {
  const Case cases[] = {
      {{2, 1, 6, 5, 7}, 20, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}},
      {{3, 3, 1, 17, 12}, 20, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}},
      {{2, 20, 4, 9, 8}, 40, {3, 3, 3}, {1, 2, 2}, {1, 1, 1}},
      {{2, 7, 3, 4, 5}, 33, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}},
      {{5, 40, 2, 2, 2}, 80, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}},
      {{1, 5, 1, 1, 1}, 3, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}},
      {{2, 4, 6, 7, 8}, 5, {3, 5, 1}, {2, 1, 3}, {0, 2, 0}},
      {{2, 4, 5, 6, 7}, 16, {3, 3, 3}, {2, 2, 2}, {0, 1, 1}},
  };
  for (const Case& c : cases) {
    const Derived reference = exact(c);
    const Derived got = by_op(c);

    SCOPED_TRACE(::testing::Message() << at::IntArrayRef(c.x) << " to " << c.outputs << ", taps "
                                      << at::IntArrayRef(c.taps));
    ASSERT_EQ(got.y.sizes(), reference.y.sizes());
    EXPECT_LT(apart(got.y, reference.y), 2e-6);
    EXPECT_LT(apart(got.dx, reference.dx), 2e-6);
    EXPECT_LT(apart(got.dweight, reference.dweight), 2e-6);
    EXPECT_LT(apart(got.dbias, reference.dbias), 2e-6);
  }
}

TEST(StridedConvOp, GivesTheSameBitsForAnyThreadsAndCompany) {
  const Case c{{9, 20, 6, 13, 11}, 40, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}};
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Derived one = by_op(c);
  at::set_num_threads(2);
  const Derived two = by_op(c);
  at::set_num_threads(before);

  EXPECT_TRUE(one.y.equal(two.y));
  EXPECT_TRUE(one.dx.equal(two.dx));
  EXPECT_TRUE(one.dweight.equal(two.dweight));
  EXPECT_TRUE(one.dbias.equal(two.dbias));

  const at::Tensor x = larkspur::testing::far_input("x", c.x);
  const at::Tensor weight = larkspur::testing::far_input("weight", {40, 20, 3, 3, 3});
  const at::Tensor bias = larkspur::testing::far_input("bias", {40});
  const at::Tensor alone =
      strided_conv(x.slice(0, 4, 5).contiguous(), weight, bias, c.stride, c.padding);
  EXPECT_TRUE(alone.equal(one.y.slice(0, 4, 5)));
}

TEST(StridedConvOp, LeavesWhatIsNotAskedForAndRefusesMapsWithoutAPlace) {
  const at::Tensor x = larkspur::testing::far_input("x", {1, 2, 4, 4, 4});
  const at::Tensor weight =
      larkspur::testing::far_input("weight", {3, 2, 3, 3, 3}).requires_grad_();
  const at::Tensor bias = larkspur::testing::far_input("bias", {3});
  strided_conv(x, weight, bias, {2, 2, 2}, {1, 1, 1}).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(x.grad().defined());

  EXPECT_ANY_THROW(strided_conv(x.slice(2, 0, 2), weight, bias, {2, 2, 2}, {0, 1, 1}));
  EXPECT_ANY_THROW(strided_conv(x.slice(1, 0, 1), weight, bias, {2, 2, 2}, {1, 1, 1}));
}

}  // namespace
}  // namespace larkspur::model3d
