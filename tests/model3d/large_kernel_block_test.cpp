// SPDX-License-Identifier: Apache-2.0
#include "model3d/large_kernel_block.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

std::vector<std::string> names_of(const LargeKernelBlock& block) {
  std::vector<NamedTensor> entries;
  block.add_to(StateDict(&entries));
  std::vector<std::string> names;
  for (const NamedTensor& entry : entries) names.push_back(entry.name);
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(LargeKernelBlock, HasBranchesFromSevenTapsOn) {
  EXPECT_TRUE(has(names_of(LargeKernelBlock({8, {7, 7, 7}})), "dwconv.dil_conv_k5_1.weight"));
  EXPECT_TRUE(has(names_of(LargeKernelBlock({8, {5, 5, 5}})), "dwconv.weight"));
}

TEST(LargeKernelBlock, StartsAsNearlyTheIdentity) {
  const LargeKernelBlock block({.channels = 8, .taps = {3, 3, 3}, .layer_scale = 1e-6});
  std::vector<NamedTensor> entries;
  block.add_to(StateDict(&entries));
  draw_weights(entries, 1);
  const at::Tensor x = golden_noise("x", {2, 8, 4, 4, 4});
  const at::Tensor change = block.forward(x, {.training = true}) - x;
  EXPECT_GT(change.abs().max().item<double>(), 0.0);
  EXPECT_LT(change.abs().max().item<double>(), 1e-4);
}

TEST(LargeKernelBlock, LosesItsNormsWhenMergedTwice) {
  LargeKernelBlock block({8, {7, 7, 7}});
  block.merge();
  const auto names = names_of(block);
  block.merge();
  EXPECT_EQ(names_of(block), names);
  EXPECT_EQ(names.size(), 11U);
  EXPECT_TRUE(has(names, "dwconv.lk_origin.bias"));
  EXPECT_TRUE(has(names, "pwconv2.0.bias"));
  EXPECT_FALSE(has(names, "gamma"));
}

}  // namespace
}  // namespace larkspur::model3d
