// SPDX-License-Identifier: Apache-2.0
// A block in training through its fused ops against the layers one by one, which are the
// specification: output, gradients and running statistics, in float32 and against float64.
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/support/block_case.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::apart;
using larkspur::testing::block_input;
using larkspur::testing::BlockCase;
using larkspur::testing::BlockOutcome;
using larkspur::testing::far_block;
using larkspur::testing::run_block;

const std::vector<BlockCase> kBlocks{
    {"image, 13x13 with six branches", {5, 20, 1, 15, 13}, {1, 13, 13}},
    {"a map smaller than the kernel", {8, 16, 1, 7, 7}, {1, 13, 13}},
    {"rows longer than a register block", {2, 36, 1, 28, 28}, {1, 13, 13}, 0.3},
    {"small kernel, no branches", {3, 40, 1, 24, 24}, {1, 3, 3}, 0.5},
    {"voxels 13^3", {2, 20, 5, 6, 4}, {13, 13, 13}, 0.2},
    {"clip, separable", {2, 16, 4, 9, 9}, {5, 13, 13}, 0.0, true},
    {"one position, many samples", {70, 12, 1, 1, 1}, {3, 3, 3}},
    {"many small samples", {67, 8, 2, 2, 2}, {13, 13, 13}, 0.4},
};

class FusedBlock : public ::testing::TestWithParam<BlockCase> {};

TEST_P(FusedBlock, DoesWhatItsLayersDo) {
  const BlockOutcome exact = run_block(GetParam(), at::kDouble, true);
  const BlockOutcome layers = run_block(GetParam(), at::kFloat, true);

  const BlockOutcome fused = run_block(GetParam(), at::kFloat, false);

  ASSERT_EQ(fused.size(), exact.size());
  for (const auto& [name, reference] : exact) {
    SCOPED_TRACE(name);
    const double error = apart(fused.at(name), reference);
    EXPECT_LT(error, 1e-5 + 4 * apart(layers.at(name), reference));
  }
}

TEST_P(FusedBlock, EvaluatesAsItsLayersDo) {
  const at::Tensor exact = far_block(GetParam(), at::kDouble)
                               .forward(block_input(GetParam(), "x", at::kDouble), Pass{})
                               .detach();
  LargeKernelBlock block = far_block(GetParam(), at::kFloat);
  const at::Tensor x = block_input(GetParam(), "x", at::kFloat);
  const at::NoGradGuard no_grad;

  EXPECT_LT(apart(block.forward(x, Pass{}), exact), 1e-5);
  block.merge();
  EXPECT_LT(apart(block.forward(x, Pass{}), exact), 1e-5);
}

TEST_P(FusedBlock, GivesTheSameBitsOnTwoThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const BlockOutcome one = run_block(GetParam(), at::kFloat, false);
  at::set_num_threads(2);

  const BlockOutcome two = run_block(GetParam(), at::kFloat, false);

  at::set_num_threads(before);
  for (const auto& [name, value] : one) {
    EXPECT_TRUE(value.equal(two.at(name))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, FusedBlock, ::testing::ValuesIn(kBlocks), [](const auto& info) {
  return larkspur::testing::case_name(info.param);
});

}  // namespace
}  // namespace larkspur::model3d
