// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/step_stats.h"

#include <gtest/gtest.h>

#include "distributed/group_communicator.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::pipeline {
namespace {

TEST(StepStats, AreJoinedInRankOrderWithoutLosingABit) {
  testing::run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupCommunicator communicator(group);
    StepStats mine;
    mine.loss = {1.0 / 3.0 + communicator.rank()};
    mine.samples = 2;
    mine.correct = communicator.rank();
    if (communicator.rank() == 1) mine.bad = {{4, 9, "x.off", Errc::kNotFound, "gone"}};
    mine.stop_requested = communicator.rank() == 2;
    const StepStats all = all_gather(mine, communicator);
    EXPECT_EQ(all.loss, (std::vector<double>{1.0 / 3.0, 1.0 / 3.0 + 1, 1.0 / 3.0 + 2}));
    EXPECT_EQ(all.samples, 6);
    EXPECT_EQ(all.correct, 3);
    ASSERT_EQ(all.bad.size(), 1U);
    EXPECT_EQ(all.bad[0].name, "x.off");
    EXPECT_TRUE(all.stop_requested);
    EXPECT_FALSE(all.checkpoint_requested);
  });
}

}  // namespace
}  // namespace larkspur::pipeline
