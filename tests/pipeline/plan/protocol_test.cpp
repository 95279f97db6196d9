// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/protocol.h"

#include <set>

#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::pipeline {
namespace {

TEST(Protocol, HasTheSizesAndViewsOfItsSystem) {
  const struct {
    const char* name;
    std::int64_t clips, crops, short_side, crop;
  } published[] = {{"videomae_5x3", 5, 3, 224, 224},
                   {"slowfast_10x3", 10, 3, 256, 256},
                   {"mvit_5x1", 5, 1, 256, 224},
                   {"mmaction2_mvit_5x1", 5, 1, 224, 224},
                   {"x3d_s_10", 10, 1, 182, 160},
                   {"x3d_s_30", 10, 3, 182, 182},
                   {"x3d_m_10", 10, 1, 256, 224},
                   {"x3d_m_30", 10, 3, 256, 256},
                   {"x3d_l_10", 10, 1, 356, 312},
                   {"x3d_l_30", 10, 3, 356, 356},
                   {"mmaction2_10x3", 10, 3, 256, 256},
                   {"pytorchvideo", 10, 3, 256, 256}};
  for (const auto& row : published) {
    const Protocol& protocol = find_protocol(row.name);
    EXPECT_EQ(protocol.clips.clips, row.clips) << row.name;
    EXPECT_EQ(protocol.clips.crops, row.crops) << row.name;
    EXPECT_EQ(protocol.clips.short_side, row.short_side) << row.name;
    EXPECT_EQ(protocol.clips.crop, row.crop) << row.name;
    EXPECT_EQ(protocol.fusion, ViewFusion::kProbabilities) << row.name;
    EXPECT_TRUE(protocol.fits(SampleKind::kVideo)) << row.name;
    EXPECT_FALSE(protocol.fits(SampleKind::kCloud)) << row.name;
    EXPECT_EQ(protocol.views(SampleKind::kVideo), row.clips * row.crops) << row.name;
  }
  EXPECT_EQ(find_protocol("vote10").views(SampleKind::kCloud), 10);
}

TEST(Protocol, HasANameOfItsOwnAKindAndASource) {
  std::set<std::string_view> names;
  for (const Protocol& protocol : protocols()) {
    EXPECT_TRUE(names.insert(protocol.name).second) << protocol.name;
    EXPECT_FALSE(protocol.kinds.empty()) << protocol.name;
    EXPECT_FALSE(protocol.source.empty()) << protocol.name;
    EXPECT_GE(protocol.clips.short_side, protocol.clips.crop) << protocol.name;
  }
  EXPECT_EQ(names.size(), protocol_names().size());
  EXPECT_THROW(find_protocol("slowfast"), Error);
  EXPECT_EQ(protocols_of(SampleKind::kCloud), "center, fixed, vote10, rotate40, rotate12");
}

}  // namespace
}  // namespace larkspur::pipeline
