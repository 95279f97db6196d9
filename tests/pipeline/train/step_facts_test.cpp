// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/step_facts.h"

#include <gtest/gtest.h>

#include "distributed/group_peers.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::pipeline {
namespace {

TEST(StepFacts, AreJoinedInRankOrderWithoutLosingABit) {
  testing::run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupPeers peers(group);
    StepFacts mine;
    mine.loss = {1.0 / 3.0 + peers.rank()};
    mine.samples = 2;
    mine.correct = peers.rank();
    mine.statistics = std::string("\0\xff", 2) + std::to_string(peers.rank());
    if (peers.rank() == 1) mine.bad = {{4, 9, "x.off", Errc::kNotFound, "gone"}};
    mine.stop_requested = peers.rank() == 2;
    const StepFacts all = share(mine, peers);
    EXPECT_EQ(all.loss, (std::vector<double>{1.0 / 3.0, 1.0 / 3.0 + 1, 1.0 / 3.0 + 2}));
    EXPECT_EQ(all.samples, 6);
    EXPECT_EQ(all.correct, 3);
    EXPECT_EQ(all.statistics,
              std::string("\0\xff"
                          "0\0\xff"
                          "1\0\xff"
                          "2",
                          9));
    ASSERT_EQ(all.bad.size(), 1U);
    EXPECT_EQ(all.bad[0].name, "x.off");
    EXPECT_TRUE(all.stop_requested);
    EXPECT_FALSE(all.checkpoint_requested);
  });
}

}  // namespace
}  // namespace larkspur::pipeline
