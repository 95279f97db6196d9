// SPDX-License-Identifier: Apache-2.0
#include "model3d/layer_groups.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/network.h"

namespace larkspur::model3d {
namespace {

using ::testing::ElementsAre;

/// Counted from the stem, as the field counts.
int group(const std::string& entry, const char* variant) {
  return layer_groups(find_variant(variant)) - 1 - groups_behind(entry, find_variant(variant));
}

// The numbers that fine-tunings of ConvNeXt S to XL, of the same depths, used: stem 0, 12 groups,
// head 13.
TEST(LayerGroups, AreThePublishedTwelveForDepths3_3_27_3) {
  for (const char* variant : {"s", "b", "l", "xl"}) {
    EXPECT_EQ(layer_groups(find_variant(variant)), 14);
    EXPECT_EQ(group("downsample_layers.0.0.weight", variant), 0);
    EXPECT_EQ(group("stages.0.2.gamma", variant), 1);
    EXPECT_EQ(group("downsample_layers.1.0.weight", variant), 2);
    EXPECT_EQ(group("stages.1.0.norm.bias", variant), 2);
    EXPECT_EQ(group("downsample_layers.2.1.bias", variant), 3);
    EXPECT_EQ(group("stages.2.0.gamma", variant), 3);
    EXPECT_EQ(group("stages.2.2.gamma", variant), 3);
    EXPECT_EQ(group("stages.2.3.gamma", variant), 4);
    EXPECT_EQ(group("stages.2.26.gamma", variant), 11);
    EXPECT_EQ(group("downsample_layers.3.0.weight", variant), 12);
    EXPECT_EQ(group("stages.3.0.dwconv.lk_origin.weight", variant), 12);
    EXPECT_EQ(group("norm.weight", variant), 13);
    EXPECT_EQ(group("head.weight", variant), 13);
  }
}

TEST(LayerGroups, HaveStemAndStageOneOfCellsOnPoints) {
  for (const char* stem : {"edges.0.weight", "edge_norm.bias", "blocks.0.around.weight"}) {
    EXPECT_EQ(group(std::string("point_to_cells.") + stem, "a"), 0) << stem;
  }
  EXPECT_EQ(group("point_to_cells.blocks.1.wide.bias", "a"), 1);
  EXPECT_EQ(group("point_to_cells.blocks.10.wide.bias", "a"), 1);
  EXPECT_EQ(group("point_to_cells.point_norm.weight", "a"), 1);
  EXPECT_EQ(group("point_to_image.lift.weight", "a"), 6);
}

TEST(LayerGroups, FollowTheDepthOfStage3) {
  EXPECT_EQ(layer_groups(find_variant("micro")), 6);  // 2 blocks
  EXPECT_EQ(layer_groups(find_variant("a")), 7);      // 6
  EXPECT_EQ(layer_groups(find_variant("n")), 8);      // 8: two threes and a two
  EXPECT_EQ(layer_groups(find_variant("t")), 11);     // 18
  EXPECT_EQ(group("stages.2.7.gamma", "n"), 5);
  EXPECT_EQ(group("stages.3.0.gamma", "n"), 6);
}

TEST(LayerGroups, LookBehindAFormsOwnPrefix) {
  EXPECT_EQ(group("views.stages.2.4.se.down.weight", "a"), 4);
  EXPECT_EQ(group("voxel.downsample_layers.0.3.weight", "a"), 0);
  EXPECT_EQ(group("voxel.head.weight", "a"), 6);
  EXPECT_EQ(group("fusion.my_stages.1.0.weight", "a"), 6);
}

TEST(LayerGroups, NeverRiseOnTheWayThroughANetworkAndLeaveNoneOut) {
  for (const char* form : {"voxel", "clip"}) {
    const Network network({.form = form, .variant = "a", .classes = 3});
    int behind = 6;
    std::set<int> seen;
    for (const auto& parameter : network.parameters()) {
      EXPECT_LE(parameter.rate_group, behind) << parameter.name;
      behind = parameter.rate_group;
      seen.insert(behind);
    }
    EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4, 5, 6));
  }
}

}  // namespace
}  // namespace larkspur::model3d
