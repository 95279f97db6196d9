// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/lane_rounds.h"

#include <atomic>

#include <gmock/gmock.h>

#include "distributed/group_communicator.h"
#include "pipeline/error.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::run_ranks;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LaneRounds, GiveEveryRankTheRowsOfAllLanesInOrder) {
  run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupCommunicator communicator(group);
    LaneRounds rounds(communicator);
    const double rank = group.rank();
    LaneRounds::Rows mine = {{rank, 0.5}};
    if (group.rank() == 1) mine.push_back({1.25});
    EXPECT_THAT(rounds.all_gather(0, mine),
                ElementsAre(ElementsAre(0.0, 0.5),
                            ElementsAre(1.0, 0.5),
                            ElementsAre(1.25),
                            ElementsAre(2.0, 0.5)));
    rounds.finish();
  });
}

TEST(LaneRounds, ARankWithoutLanesTakesPartUntilTheOthersAreThrough) {
  run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupCommunicator communicator(group);
    LaneRounds rounds(communicator);
    for (int pass = 0; pass < 2; ++pass) {
      rounds.begin();
      for (int number = 0; number < 4 && group.rank() != 0; ++number) {
        EXPECT_EQ(rounds.all_gather(number, {{1.0}}).size(), 2U);
      }
      rounds.finish();
      EXPECT_EQ(rounds.reporter(), 1);
    }
    rounds.begin();
    rounds.finish();  // nobody has anything
    EXPECT_EQ(rounds.reporter(), 0);
  });
}

TEST(LaneRounds, ARankThatFailsIsNamedToTheOthers) {
  std::atomic<int> told = 0;
  run_ranks(3, [&](distributed::ProcessGroup& group) {
    distributed::GroupCommunicator communicator(group);
    LaneRounds rounds(communicator);
    rounds.all_gather(0, {{1.0}});
    if (group.rank() == 1) {
      rounds.fail("no memory left");
      rounds.fail("once is enough");
      return;
    }
    try {
      if (group.rank() == 0) rounds.finish();
      if (group.rank() == 2) rounds.all_gather(1, {{1.0}});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kCollective);
      EXPECT_THAT(error.what(), HasSubstr("rank 1 cannot go on: no memory left"));
      ++told;
    }
  });
  EXPECT_EQ(told, 2);
}

TEST(LaneRounds, RanksAtDifferentRoundsAreToldApart) {
  run_ranks(2, [](distributed::ProcessGroup& group) {
    distributed::GroupCommunicator communicator(group);
    LaneRounds rounds(communicator);
    try {
      rounds.all_gather(3 + group.rank(), {{1.0}});
      ADD_FAILURE() << "nobody noticed";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AnyOf(HasSubstr("is at round 3"), HasSubstr("is at round 4")));
    }
  });
}

}  // namespace
}  // namespace larkspur::pipeline
