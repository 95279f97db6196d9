// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::distributed {
namespace {

using pipeline::RunPhase;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

RankWatch at(int rank, RunPhase phase, double seconds, double silent = 0.0) {
  return {rank, "h" + std::to_string(rank), {12, phase, seconds}, silent, false};
}

constexpr double kPatience = 5.0;

/// Three looks at ranks that stay where they are, a second apart; before the third there is none.
std::optional<std::string> verdict(std::vector<RankWatch> ranks) {
  Judge judge(kPatience, 1.0);
  for (int look = 1; look < 3; ++look) {
    if (auto early = judge.look(ranks)) return early;
    for (RankWatch& rank : ranks) rank.last.seconds += 1.0;
  }
  return judge.look(ranks);
}

TEST(Verdict, NamesWhoIsSilent) {
  EXPECT_THAT(verdict({at(0, RunPhase::kReduce, 6.0), at(1, RunPhase::kCompute, 0.5, 5.2)}),
              Optional(Eq("rank 1 on host h1 has been silent for 5 s (deadline 5 s); last heard of "
                          "in step 12, phase compute")));
}

TEST(Verdict, NamesWhoKeepsTheOthersWaiting) {
  EXPECT_THAT(
      verdict({at(0, RunPhase::kReduce, 5.5),
               at(1, RunPhase::kCompute, 2.0),
               at(2, RunPhase::kData, 6.5),
               at(3, RunPhase::kFacts, 5.1)}),
      Optional(Eq("rank 2 on host h2 has been in step 12, phase data for 8 s, and rank 0 has "
                  "waited longer than the deadline of 5 s")));
}

TEST(Verdict, IsNoneWhileNobodyWaitsTooLong) {
  EXPECT_EQ(verdict({at(0, RunPhase::kCompute, 300.0), at(1, RunPhase::kCompute, 290.0)}),
            std::nullopt);
  EXPECT_EQ(verdict({at(0, RunPhase::kData, 300.0), at(1, RunPhase::kReduce, 4.0)}), std::nullopt);
}

TEST(Verdict, NamesWhoHangsInItsOwnPartOfASaveOrAnEpochsEnd) {
  for (const RunPhase phase : {RunPhase::kSave, RunPhase::kEpochEnd}) {
    EXPECT_THAT(verdict({at(0, phase, 9.0), at(1, RunPhase::kFacts, 8.0)}),
                Optional(HasSubstr("phase " + name_of(phase) + " for 11 s")));
    EXPECT_EQ(verdict({at(0, phase, 90.0), at(1, phase, 80.0)}), std::nullopt);
  }
}

TEST(Verdict, IsNoneWhereAllWaitOrHaveLeft) {
  EXPECT_EQ(verdict({at(0, RunPhase::kReduce, 9.0), at(1, RunPhase::kReduce, 9.0)}), std::nullopt);
  RankWatch left = at(1, RunPhase::kData, 90.0, 90.0);
  left.is_unwatched = true;
  EXPECT_EQ(verdict({at(0, RunPhase::kReduce, 9.0), left}), std::nullopt);
}

TEST(Verdict, IsNoneOfWhoLeavesALongExchangeFirst) {
  Judge judge(kPatience, 1.0);
  // All in reduce for long; then rank 0 is through and at work, rank 1's last beat is older.
  EXPECT_EQ(judge.look({at(0, RunPhase::kReduce, 80.0), at(1, RunPhase::kReduce, 79.5)}),
            std::nullopt);
  for (double later = 0.2; later < 1.0; later += 0.2) {
    EXPECT_EQ(judge.look({at(0, RunPhase::kCompute, later), at(1, RunPhase::kReduce, 79.5, later)}),
              std::nullopt);
  }
  EXPECT_EQ(verdict({at(0, RunPhase::kCompute, 0.5), at(1, RunPhase::kReduce, 80.0)}),
            std::nullopt);
}

TEST(Verdict, IsNoneWhileOldBeatsSaySo) {
  Judge judge(kPatience, 1.0);
  for (int look = 0; look < 4; ++look) {
    EXPECT_EQ(judge.look({at(0, RunPhase::kCompute, 4.5 + look), at(1, RunPhase::kReduce, 9.0)}),
              std::nullopt);
  }
  EXPECT_NE(judge.look({at(0, RunPhase::kCompute, 8.5), at(1, RunPhase::kReduce, 13.0)}),
            std::nullopt);
}

TEST(Verdict, IsNoneWhereOneOfThemHasBegunAnew) {
  Judge judge(kPatience, 1.0);
  EXPECT_EQ(judge.look({at(0, RunPhase::kCompute, 6.0), at(1, RunPhase::kReduce, 6.0)}),
            std::nullopt);
  EXPECT_EQ(judge.look({at(0, RunPhase::kCompute, 7.0), at(1, RunPhase::kReduce, 0.5)}),
            std::nullopt);
  EXPECT_EQ(judge.look({at(0, RunPhase::kCompute, 8.0), at(1, RunPhase::kReduce, 6.5)}),
            std::nullopt);
  EXPECT_EQ(judge.look({at(0, RunPhase::kCompute, 9.0), at(1, RunPhase::kReduce, 7.5)}),
            std::nullopt);
}

TEST(Verdict, IsNoneOfWhoIsAStepAhead) {
  RankWatch ahead = at(0, RunPhase::kCompute, 9.0);
  ahead.last.step = 13;
  EXPECT_EQ(verdict({ahead, at(1, RunPhase::kGather, 9.0)}), std::nullopt);
}

RankTime spent(int rank, int data, int compute, int waiting) {
  return {rank, "h" + std::to_string(rank), data, compute, waiting};
}

TEST(Straggler, IsWhoNeverWaitsWhileTheOthersDo) {
  EXPECT_THAT(
      straggler({spent(0, 2, 38, 20), spent(1, 40, 19, 1), spent(2, 0, 40, 20)}),
      Optional(Eq("rank 1 on host h1 holds the others up: each of them waits at least 33 % of "
                  "its time, it is at its own data all the while")));
}

TEST(Straggler, IsNobodyWhereAllAreBusyOrAllWaitOrLittleWasSeen) {
  EXPECT_EQ(straggler({spent(0, 0, 58, 2), spent(1, 0, 59, 1)}), std::nullopt);
  EXPECT_EQ(straggler({spent(0, 0, 30, 30), spent(1, 0, 30, 30)}), std::nullopt);
  EXPECT_EQ(straggler({spent(0, 0, 2, 18), spent(1, 0, 20, 0)}), std::nullopt);
  EXPECT_EQ(straggler({spent(0, 0, 60, 0)}), std::nullopt);
}

}  // namespace
}  // namespace larkspur::distributed
