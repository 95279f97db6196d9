// SPDX-License-Identifier: Apache-2.0
#include "pipeline/bad_samples.h"

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

TEST(BadSamples, AsManyAsTheBoundSaysAreAllowedAndOneMoreIsNot) {
  const std::vector<BadSample> bad{{3, 7, "a.off", Errc::kCorruptData, "is cut"},
                                   {9, 1, "b.off", Errc::kNotFound, "is not there"}};
  EXPECT_NO_THROW(require_few_bad({}, {10, 0.0, "samples"}));
  EXPECT_NO_THROW(require_few_bad(bad, {10, 0.2, "samples"}));
  const Error error = testing::error_of([&] {
    require_few_bad(bad, {10, 0.19, "samples of the list", " (as it must)"});
  });
  EXPECT_EQ(error.code(), Errc::kCorruptData);
  EXPECT_STREQ(error.what(),
               "2 of 10 samples of the list cannot be read, more than data.max_bad_fraction=0.19 "
               "allows (as it must); the first is a.off: is cut");
}

}  // namespace
}  // namespace larkspur::pipeline
