// SPDX-License-Identifier: Apache-2.0
#include "distributed/group_communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/solo_group.h"
#include "pipeline/error.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using ::testing::ElementsAre;

TEST(GroupCommunicator, GathersBytesOfDifferentLengthsByRank) {
  testing::run_ranks(4, [](ProcessGroup& group) {
    GroupCommunicator communicator(group);
    EXPECT_EQ(communicator.rank(), group.rank());
    EXPECT_EQ(communicator.size(), 4);
    const std::string mine(static_cast<std::size_t>(3 - group.rank()),
                           static_cast<char>('a' + group.rank()));
    EXPECT_THAT(communicator.all_gather(mine), ElementsAre("aaa", "bb", "c", ""));
  });
}

TEST(GroupCommunicator, KeepsZeroBytesInside) {
  testing::run_ranks(2, [](ProcessGroup& group) {
    const std::string mine("\0x\0", 3);
    EXPECT_THAT(GroupCommunicator(group).all_gather(mine), ElementsAre(mine, mine));
  });
}

TEST(GroupCommunicator, IsItsOwnPeerWhenAlone) {
  const auto group = make_solo_group({});
  EXPECT_THAT(GroupCommunicator(*group).all_gather("alone"), ElementsAre("alone"));
}

TEST(GroupCommunicator, ThrowsWhenAPeerHasLeft) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  groups[1]->abandon();
  EXPECT_THROW(GroupCommunicator(*groups[0]).all_gather("x"), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::distributed
