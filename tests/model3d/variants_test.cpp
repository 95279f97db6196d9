// SPDX-License-Identifier: Apache-2.0
#include "model3d/variants.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::model3d {
namespace {

/// Large blocks of stage 3, as arXiv 2410.08049, table 4 counts them.
std::int64_t large_in_stage_3(const Variant& variant) {
  std::int64_t large = 0;
  for (std::int64_t i = 0; i < variant.depths[2]; ++i) large += variant.is_large(2, i) ? 1 : 0;
  return large;
}

TEST(Variants, HaveThePublishedNumberOfLargeBlocksInStageThree) {
  EXPECT_EQ(large_in_stage_3(find_variant("a")), 6);
  EXPECT_EQ(large_in_stage_3(find_variant("n")), 8);
  EXPECT_EQ(large_in_stage_3(find_variant("t")), 9);
  EXPECT_EQ(large_in_stage_3(find_variant("s")), 9);
  EXPECT_EQ(large_in_stage_3(find_variant("xl")), 9);
}

TEST(Variants, BeginEveryMixedStageWithALargeBlock) {
  EXPECT_TRUE(find_variant("t").is_large(2, 0));
  EXPECT_FALSE(find_variant("t").is_large(2, 1));
  EXPECT_TRUE(find_variant("s").is_large(2, 3));
  EXPECT_FALSE(find_variant("s").is_large(2, 5));
}

TEST(Variants, AreSmallInStageOneAndLargeInStagesTwoAndFour) {
  for (const Variant& variant : variants()) {
    EXPECT_FALSE(variant.is_large(0, 0)) << variant.name;
    EXPECT_TRUE(variant.is_large(1, variant.depths[1] - 1)) << variant.name;
    EXPECT_TRUE(variant.is_large(3, variant.depths[3] - 1)) << variant.name;
  }
}

TEST(Variants, DoubleTheirChannelsAndHaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Variant& variant : variants()) {
    EXPECT_TRUE(names.insert(variant.name).second) << variant.name;
    EXPECT_EQ(variant.dims[0] % 4, 0) << variant.name;
    for (std::size_t stage = 1; stage < kStages; ++stage) {
      EXPECT_EQ(variant.dims[stage], 2 * variant.dims[stage - 1]) << variant.name;
    }
  }
}

TEST(Variants, AnUnknownNameIsAnsweredWithAllNames) {
  EXPECT_THAT([] { find_variant("m"); },
              ::testing::ThrowsMessage<pipeline::Error>(
                  ::testing::HasSubstr("\"m\" is none of: a f p n t s b l xl micro mini")));
}

}  // namespace
}  // namespace larkspur::model3d
