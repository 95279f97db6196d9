// SPDX-License-Identifier: Apache-2.0
#include "pipeline/finite.h"

#include <limits>

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

TEST(FirstNotFinite, IsThePlaceOfTheFirstInfinityOrNaN) {
  const at::Tensor values = at::ones({3, 4});
  EXPECT_FALSE(first_not_finite(values));
  values[2][1] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(first_not_finite(values), 9);
  values[1][3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(first_not_finite(values), 7);
  EXPECT_EQ(first_not_finite(values.t()), 5);  // [2][1] transposed is [1][2]: 5 of [4, 3]
}

TEST(FirstNotFinite, TakesHalfPrecisionAndNothing) {
  EXPECT_FALSE(first_not_finite(at::zeros({0})));
  EXPECT_EQ(first_not_finite(at::ones({2}).mul(1e6).to(at::kHalf)), 0);
}

}  // namespace
}  // namespace larkspur::pipeline
