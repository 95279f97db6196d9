// SPDX-License-Identifier: Apache-2.0
#include "distributed/group_peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/solo_group.h"
#include "pipeline/error.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using ::testing::ElementsAre;

TEST(GroupPeers, GathersBytesOfDifferentLengthsByRank) {
  testing::run_ranks(4, [](ProcessGroup& group) {
    GroupPeers peers(group);
    EXPECT_EQ(peers.rank(), group.rank());
    EXPECT_EQ(peers.size(), 4);
    const std::string mine(static_cast<std::size_t>(3 - group.rank()),
                           static_cast<char>('a' + group.rank()));
    EXPECT_THAT(peers.all_gather(mine), ElementsAre("aaa", "bb", "c", ""));
  });
}

TEST(GroupPeers, KeepsZeroBytesInside) {
  testing::run_ranks(2, [](ProcessGroup& group) {
    const std::string mine("\0x\0", 3);
    EXPECT_THAT(GroupPeers(group).all_gather(mine), ElementsAre(mine, mine));
  });
}

TEST(GroupPeers, IsItsOwnPeerWhenAlone) {
  const auto group = make_solo_group({});
  EXPECT_THAT(GroupPeers(*group).all_gather("alone"), ElementsAre("alone"));
}

TEST(GroupPeers, ThrowsWhenAPeerHasLeft) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  groups[1]->abandon();
  EXPECT_THROW(GroupPeers(*groups[0]).all_gather("x"), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::distributed
