// SPDX-License-Identifier: Apache-2.0
#include "pipeline/require.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

using larkspur::testing::refusal_of;

TEST(RequireWithin, TakesBothBoundsAndNamesWhatIsBeyond) {
  require_within("size", 2, 2, 5);
  require_within("size", 5, 2, 5);
  EXPECT_EQ(refusal_of([] { require_within("size", 6, 2, 5); }).text, "size is 6, not in [2, 5]");
  EXPECT_EQ(refusal_of([] { require_within("angle", -90.5, -90, 90); }).text,
            "angle is -90.5, not in [-90, 90]");
  EXPECT_EQ(refusal_of([] { require_within("angle", std::nan(""), -90, 90); }).code,
            "invalid argument");
}

}  // namespace
}  // namespace larkspur::pipeline
