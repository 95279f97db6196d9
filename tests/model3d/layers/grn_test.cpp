// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/grn.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

std::vector<NamedTensor> entries_of(const Grn& grn) {
  std::vector<NamedTensor> entries;
  grn.add_to(StateDict(&entries, "op.act.1"));
  return entries;
}

TEST(Grn, RespondsToTinyMapsAsTheGoldenFileSays) {
  const auto file = larkspur::testing::read_golden("ops.json");
  const Grn grn(12);
  entries_of(grn)[0].tensor.detach().copy_(
      larkspur::testing::golden_entry("op.act.1.gamma", {1, 1, 1, 12}));
  const at::Tensor x = golden_noise("op.grn", {2, 1, 3, 5, 12}) * 0x1p-20;
  const auto& record = larkspur::testing::record_named(file.at("ops"), "grn_small");
  larkspur::testing::expect_record(record.at("out"), grn.forward(x));
}

TEST(Grn, AChannelOfZerosHasAZeroGradientThroughItsNorm) {
  const Grn grn(4);
  for (const NamedTensor& entry : entries_of(grn)) entry.tensor.detach().fill_(0.5);
  at::Tensor x = golden_noise("x", {2, 1, 2, 3, 4});
  x.select(4, 2).zero_();
  x.requires_grad_(true);
  grn.forward(x).sum().backward();
  EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
  EXPECT_TRUE(
      x.grad().select(4, 2).eq(1).all().item<bool>());  // gamma * 0 + 1: the direct path only
}

TEST(Grn, HasTheGradientOfItsFiniteDifferences) {
  const Grn grn(4);
  larkspur::testing::fill_by_formula(entries_of(grn));
  std::vector<at::Tensor> leaves{golden_noise("x", {2, 2, 3, 2, 4}).requires_grad_(true)};
  for (const NamedTensor& entry : entries_of(grn)) leaves.push_back(entry.tensor);
  for (at::Tensor& leaf : leaves) leaf.set_data(leaf.detach().to(at::kDouble));
  const at::Tensor weights = golden_noise("weights", {2, 2, 3, 2, 4}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      leaves, [&] { return (grn.forward(leaves[0]) * weights).sum(); });
}

TEST(Grn, GivesItsBetaAway) {
  Grn grn(4);
  larkspur::testing::fill_by_formula(entries_of(grn));
  const at::Tensor x = golden_noise("x", {1, 1, 2, 3, 4});
  const at::Tensor before = grn.forward(x);
  const at::Tensor beta = grn.take_beta();
  EXPECT_TRUE(before.allclose(grn.forward(x) + beta.to(at::kFloat), 1e-6, 1e-7));
  EXPECT_EQ(entries_of(grn).size(), 1U);
}

}  // namespace
}  // namespace larkspur::model3d
