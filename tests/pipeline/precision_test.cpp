// SPDX-License-Identifier: Apache-2.0
#include "pipeline/precision.h"

#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

using larkspur::testing::refusal_of;

bool casts() { return at::autocast::is_autocast_enabled(at::kCUDA); }

TEST(PrecisionScope, CastsUntilItsEnd) {
  {
    PrecisionScope scope(Precision::kBFloat16, {at::kCUDA, 0});
    EXPECT_TRUE(casts());
    EXPECT_EQ(at::autocast::get_autocast_dtype(at::kCUDA), at::kBFloat16);
    scope.end();
    EXPECT_FALSE(casts());
  }
  { const PrecisionScope scope(Precision::kBFloat16, {at::kCUDA, 0}); }
  EXPECT_FALSE(casts());
}

TEST(PrecisionScope, DoesNothingInFloat32) {
  const PrecisionScope scope(Precision::kFloat32, {at::kCUDA, 0});
  EXPECT_FALSE(casts());
}

TEST(PrecisionScope, RefusesBFloat16OnACpuByName) {
  const auto refusal = refusal_of([] { PrecisionScope(Precision::kBFloat16, at::kCPU); });
  EXPECT_EQ(refusal.code, "unsupported");
  EXPECT_THAT(refusal.text, ::testing::HasSubstr("train.precision"));
  EXPECT_FALSE(casts());
}

}  // namespace
}  // namespace larkspur::pipeline
