// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/linear.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

std::vector<NamedTensor> entries_of(const Linear& linear) {
  std::vector<NamedTensor> entries;
  linear.add_to(StateDict(&entries));
  return entries;
}

TEST(Linear, MapsTheLastAxis) {
  const Linear linear(3, 2);
  larkspur::testing::fill_by_formula(entries_of(linear), "op.pwconv1.");
  const at::Tensor x = golden_noise("x", {4, 5, 3});
  const at::Tensor expected =
      x.matmul(entries_of(linear)[0].tensor.t()) + entries_of(linear)[1].tensor;
  EXPECT_TRUE(linear.forward(x).allclose(expected, 1e-5, 1e-6));
}

TEST(Linear, GainsABiasWhenItAdoptsOne) {
  Linear linear(3, 2, Bias::kNone);
  ASSERT_EQ(entries_of(linear).size(), 1U);
  const BiasedWeight merged{golden_noise("w", {2, 3}).to(at::kDouble),
                            golden_noise("b", {2}).to(at::kDouble)};
  linear.adopt(merged);
  EXPECT_EQ(entries_of(linear).size(), 2U);
  const at::Tensor x = golden_noise("x", {3}).to(at::kDouble);
  const at::Tensor expected = (merged.weight.mv(x) + merged.bias).to(at::kFloat);
  EXPECT_TRUE(linear.forward(x.to(at::kFloat)).allclose(expected, 1e-5, 1e-6));
}

}  // namespace
}  // namespace larkspur::model3d
