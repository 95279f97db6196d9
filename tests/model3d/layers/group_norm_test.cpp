// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/group_norm.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

TEST(GroupNorm, NormalisesEachGroupOfASampleOverChannelsAndPlaces) {
  const GroupNorm norm(6, 2);
  std::vector<NamedTensor> entries;
  norm.add_to(StateDict(&entries));
  ASSERT_EQ(entries.size(), 2U);
  entries[0].tensor.set_data(testing::golden_noise("weight", {6}));
  entries[1].tensor.set_data(testing::golden_noise("bias", {6}));
  const at::Tensor x = testing::golden_noise("x", {3, 6, 4, 5}) * 3 + 2;
  const at::Tensor y = norm.forward(x).detach();
  for (std::int64_t n = 0; n < 3; ++n) {
    for (std::int64_t c = 0; c < 6; ++c) {
      const at::Tensor group = x[n].narrow(0, c / 3 * 3, 3).to(at::kDouble);
      const double mean = group.mean().item<double>();
      const double deviation = std::sqrt((group - mean).square().mean().item<double>() + 1e-5);
      const at::Tensor expected =
          (x[n][c].to(at::kDouble) - mean) / deviation * entries[0].tensor[c].item<double>() +
          entries[1].tensor[c].item<double>();
      EXPECT_TRUE(y[n][c].to(at::kDouble).allclose(expected, 1e-5, 1e-5)) << n << " " << c;
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
