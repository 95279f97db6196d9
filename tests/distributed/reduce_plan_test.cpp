// SPDX-License-Identifier: Apache-2.0
#include "distributed/reduce_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::distributed {
namespace {

using ::testing::ElementsAre;

using Hosts = std::vector<int>;

std::vector<Subtree> sources_of(const LevelPlan& plan) {
  std::vector<Subtree> all;
  for (const LevelSource& source : plan.sources) {
    all.insert(all.end(), source.subtrees.begin(), source.subtrees.end());
  }
  return all;
}

TEST(ReducePlan, OneHostIsOneLevelBetweenAll) {
  const auto levels = plan_levels(HostMap(3), 1, 4);
  ASSERT_EQ(levels.size(), 1U);
  EXPECT_THAT(sources_of(levels[0]), ElementsAre(Subtree{0, 1}, Subtree{1, 1}, Subtree{2, 2}));
  EXPECT_THAT(levels[0].targets, ElementsAre(LevelTarget{0, {0}}, LevelTarget{2, {2}}));
  EXPECT_THAT(levels[0].owners, ElementsAre(1));
}

TEST(ReducePlan, ARankSendsInsideWhatOthersStandForAndAcrossWhatItStandsFor) {
  const auto levels = plan_levels(HostMap(Hosts{0, 0, 1, 1}), 2, 8);
  ASSERT_EQ(levels.size(), 2U);
  EXPECT_THAT(sources_of(levels[0]), ElementsAre(Subtree{4, 2}, Subtree{6, 2}));
  EXPECT_THAT(levels[0].targets, ElementsAre(LevelTarget{3, {1, 3}}));
  EXPECT_THAT(levels[0].owners, ElementsAre(0, 2));
  EXPECT_EQ(levels[1].route, Route::kAcross);
  EXPECT_THAT(levels[1].sources, ElementsAre(LevelSource{0, {{0, 4}}}, LevelSource{2, {{4, 4}}}));
  EXPECT_THAT(levels[1].targets, ElementsAre(LevelTarget{0, {0}}));
  EXPECT_THAT(levels[1].owners, ElementsAre(2));
}

/// What crosses between hosts, in sums of an owner's chunks.
int sums_across(const HostMap& hosts, int lanes) {
  int sums = 0;
  for (int rank = 0; rank < hosts.ranks(); ++rank) {
    const LevelPlan across = plan_levels(hosts, rank, lanes).back();
    for (const LevelSource& source : across.sources) {
      sums += source.rank == rank ? 0 : static_cast<int>(source.subtrees.size());
    }
  }
  return sums;
}

TEST(ReducePlan, BetweenHostsASumTravelsOnceWhateverTheirRanks) {
  // Of eight owners' chunks each host sends the four of the other, as one sum each.
  EXPECT_EQ(sums_across(HostMap(Hosts{0, 0, 0, 0, 1, 1, 1, 1}), 8), 8);
  // In one level it is a sum from each rank for each other: 56, of which 32 go to the other host.
  EXPECT_EQ(sums_across(HostMap(8), 8), 56);
}

}  // namespace
}  // namespace larkspur::distributed
