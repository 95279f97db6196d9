// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/host_map.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::distributed {
namespace {

using ::testing::ElementsAre;

using Hosts = std::vector<int>;

TEST(HostMap, TellsWhoStandsForWhomOnHostsOfDifferentSizes) {
  const HostMap map(Hosts{7, 7, 7, 2, 2});
  EXPECT_THAT(map.hosts(), ElementsAre(HostRanks{0, 3}, HostRanks{3, 2}));
  EXPECT_EQ(map.counterpart(4, 0), 1);
  EXPECT_EQ(map.counterpart(2, 1), 3);  // in place 2 modulo 2
  EXPECT_EQ(map.counterpart(2, 0), 2);
  EXPECT_THAT(map.represented(0), ElementsAre(0, 3));
  EXPECT_THAT(map.represented(2), ElementsAre(2));
  EXPECT_THAT(map.represented(3), ElementsAre(0, 2, 3));
}

TEST(HostMap, CountsAsOneHostWhereHostsGainNothing) {
  EXPECT_EQ(HostMap(4).hosts().size(), 1U);
  EXPECT_EQ(HostMap(Hosts{0, 1, 2}).hosts().size(), 1U);     // a rank each
  EXPECT_EQ(HostMap(Hosts{0, 1, 0, 1}).hosts().size(), 1U);  // dealt in turn
  EXPECT_EQ(HostMap(Hosts{0, 1, 0, 1}).host_of(3), 0);
  EXPECT_EQ(HostMap(Hosts{0, 1, 1}).hosts().size(), 2U);
}

TEST(HostMap, EveryRankIsRepresentedOnceOnEveryHost) {
  const HostMap map(Hosts{0, 0, 0, 1, 2, 2});
  for (const HostRanks& host : map.hosts()) {
    Hosts all;
    for (int rank = host.first; rank < host.first + host.count; ++rank) {
      const Hosts some = map.represented(rank);
      all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_THAT(all, ElementsAre(0, 1, 2, 3, 4, 5));
  }
}

}  // namespace
}  // namespace larkspur::distributed
