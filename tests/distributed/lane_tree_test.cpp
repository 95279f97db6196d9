// SPDX-License-Identifier: Apache-2.0
#include "distributed/lane_tree.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/lanes.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::text_of;
using ::testing::ElementsAre;
using ::testing::SizeIs;

/// The expression that adding these leaves as the steps say comes to, with full brackets.
std::vector<std::string> expressions(const std::vector<Subtree>& leaves,
                                     const std::vector<std::string>& texts) {
  const auto steps = fold_steps(leaves);
  std::vector<std::string> held(static_cast<std::size_t>(slots_of(steps)));
  std::size_t used = 0;
  for (std::size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    auto slot = static_cast<std::size_t>(steps[leaf].slot);
    held[slot] = steps[leaf].adds ? text_of("(", held[slot], "+", texts[leaf], ")") : texts[leaf];
    for (int join = 0; join < steps[leaf].joins; ++join, --slot) {
      held[slot - 1] = text_of("(", held[slot - 1], "+", held[slot], ")");
    }
    used = slot + 1;
  }
  held.resize(used);
  return held;
}

/// The node over [first, first + count) by plain recursion.
std::string recursion(int first, int count) {
  if (count == 1) return std::to_string(first);
  return text_of(
      "(", recursion(first, count / 2), "+", recursion(first + count / 2, count / 2), ")");
}

std::vector<std::string> lane_sums(int first, int count) {
  std::vector<Subtree> leaves;
  std::vector<std::string> texts;
  for (int lane = first; lane < first + count; ++lane) {
    leaves.push_back({lane, 1});
    texts.push_back(std::to_string(lane));
  }
  return expressions(leaves, texts);
}

TEST(LaneTree, GivesThreeRanksOverFourLanesTheirSubtrees) {
  EXPECT_THAT(subtrees(0, 1), ElementsAre(Subtree{0, 1}));
  EXPECT_THAT(subtrees(1, 1), ElementsAre(Subtree{1, 1}));
  EXPECT_THAT(subtrees(2, 2), ElementsAre(Subtree{2, 2}));
}

TEST(LaneTree, SplitsUnalignedLanesIntoAlignedSubtrees) {
  EXPECT_THAT(subtrees(2, 3), ElementsAre(Subtree{2, 2}, Subtree{4, 1}));
  EXPECT_THAT(subtrees(1, 7), ElementsAre(Subtree{1, 1}, Subtree{2, 2}, Subtree{4, 4}));
  EXPECT_THAT(subtrees(0, 8), ElementsAre(Subtree{0, 8}));
  EXPECT_THAT(subtrees(5, 0), SizeIs(0));
}

TEST(LaneTree, TilesEveryRangeWithAlignedSubtreesThatCannotJoin) {
  for (int first = 0; first < 40; ++first) {
    for (int count = 1; count < 40; ++count) {
      const auto found = subtrees(first, count);
      int next = first;
      for (std::size_t index = 0; index < found.size(); ++index) {
        EXPECT_EQ(found[index].first, next);
        EXPECT_EQ(found[index].first % found[index].count, 0);
        EXPECT_EQ(found[index].count & (found[index].count - 1), 0);
        EXPECT_FALSE(index > 0 && are_siblings(found[index - 1], found[index]));
        next += found[index].count;
      }
      EXPECT_EQ(next, first + count);
    }
  }
}

TEST(LaneTree, KnowsSiblingsFromNeighbours) {
  EXPECT_TRUE(are_siblings({4, 2}, {6, 2}));
  EXPECT_FALSE(are_siblings({2, 2}, {4, 2}));
  EXPECT_FALSE(are_siblings({4, 2}, {6, 1}));
  EXPECT_FALSE(are_siblings({0, 2}, {6, 2}));
  EXPECT_FALSE(are_siblings({6, 2}, {4, 2}));
}

TEST(LaneTree, FoldsTheLanesOfARankIntoItsSubtrees) {
  EXPECT_THAT(lane_sums(0, 4), ElementsAre("((0+1)+(2+3))"));
  EXPECT_THAT(lane_sums(5, 3), ElementsAre("5", "(6+7)"));
  EXPECT_THAT(lane_sums(1, 6), ElementsAre("1", "(2+3)", "(4+5)", "6"));
}

TEST(LaneTree, AddsInTheSameOrderOnAnyNumberOfRanks) {
  for (const int total : {1, 2, 4, 8, 16, 32}) {
    for (int ranks = 1; ranks <= total; ++ranks) {
      std::vector<Subtree> leaves;
      std::vector<std::string> texts;
      for (int rank = 0; rank < ranks; ++rank) {
        const auto lanes = pipeline::lanes_of_rank(rank, ranks, total);
        const auto mine = subtrees(lanes.first, lanes.count);
        const auto sums = lane_sums(lanes.first, lanes.count);
        ASSERT_EQ(sums.size(), mine.size());
        leaves.insert(leaves.end(), mine.begin(), mine.end());
        texts.insert(texts.end(), sums.begin(), sums.end());
      }
      EXPECT_THAT(expressions(leaves, texts), ElementsAre(recursion(0, total)))
          << ranks << " ranks";
    }
  }
}

TEST(LaneTree, HoldsNoMoreSumsThanTheTreeIsDeep) {
  for (int depth = 0; depth <= 10; ++depth) {
    std::vector<Subtree> leaves;
    for (int lane = 0; lane < 1 << depth; ++lane) leaves.push_back({lane, 1});
    EXPECT_EQ(slots_of(fold_steps(leaves)), std::max(depth, 1));
  }
}

}  // namespace
}  // namespace larkspur::distributed
