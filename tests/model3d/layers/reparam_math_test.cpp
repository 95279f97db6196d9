// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/reparam_math.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

TEST(ReparamMath, ANormIsTheLineThroughItsStatistics) {
  const auto one = [](double value) { return at::full({1}, value); };
  const ChannelAffine line = affine_of({one(3.0), one(0.5), one(2.0), one(0.75), 0.25});
  EXPECT_DOUBLE_EQ(line.scale.item<double>(), 3.0);        // 3 / sqrt(0.75 + 0.25)
  EXPECT_DOUBLE_EQ(line.shift.item<double>(), 0.5 - 6.0);  // 0.5 - 2 * 3
}

TEST(ReparamMath, FoldingIsComposition) {
  const BiasedWeight first{golden_noise("w", {4, 6}), golden_noise("b", {4})};
  const ChannelAffine then{golden_noise("s", {4}).to(at::kDouble),
                           golden_noise("t", {4}).to(at::kDouble)};
  const at::Tensor x = golden_noise("x", {6}).to(at::kDouble);
  const BiasedWeight both = fold(first, then);
  const at::Tensor one_by_one =
      then.scale * (first.weight.to(at::kDouble).mv(x) + first.bias) + then.shift;
  EXPECT_TRUE((both.weight.mv(x) + both.bias).allclose(one_by_one, 1e-12, 1e-12));
}

TEST(ReparamMath, SpreadingPutsEveryTapAtItsPlace) {
  const at::Tensor kernel = golden_noise("kernel", {2, 1, 1, 3, 5});
  const at::Tensor whole = spread(kernel, {1, 4, 2}, {3, 9, 13});
  ASSERT_EQ(whole.sizes(), (at::IntArrayRef{2, 1, 3, 9, 13}));
  for (std::int64_t c = 0; c < 2; ++c) {
    for (std::int64_t b = 0; b < 3; ++b) {
      for (std::int64_t e = 0; e < 5; ++e) {
        EXPECT_EQ(whole[c][0][1][4 + 4 * (b - 1)][6 + 2 * (e - 2)].item<double>(),
                  kernel[c][0][0][b][e].item<double>());
      }
    }
  }
  EXPECT_LE(whole.count_nonzero().item<std::int64_t>(), kernel.numel());
}

TEST(ReparamMath, SpreadingRefusesAKernelThatIsTooWide) {
  const at::Tensor kernel = golden_noise("kernel", {2, 1, 3, 3, 3});
  EXPECT_THROW(spread(kernel, {2, 1, 1}, {3, 7, 7}), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::model3d
