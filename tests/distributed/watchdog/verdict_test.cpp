// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::distributed {
namespace {

using pipeline::RunPhase;
using ::testing::Eq;
using ::testing::Optional;

RankWatch at(int rank, RunPhase phase, double seconds, double silent = 0.0) {
  return {rank, "h" + std::to_string(rank), {12, phase, seconds}, silent, false};
}

TEST(Verdict, NamesWhoIsSilent) {
  EXPECT_THAT(verdict({at(0, RunPhase::kReduce, 6.0), at(1, RunPhase::kCompute, 0.5, 5.2)}, 5.0),
              Optional(Eq("rank 1 on host h1 has been silent for 5 s (deadline 5 s); last heard of "
                          "in step 12, phase compute")));
}

TEST(Verdict, NamesWhoKeepsTheOthersWaiting) {
  EXPECT_THAT(
      verdict({at(0, RunPhase::kReduce, 5.5),
               at(1, RunPhase::kCompute, 2.0),
               at(2, RunPhase::kData, 6.5),
               at(3, RunPhase::kFacts, 5.1)},
              5.0),
      Optional(Eq("rank 2 on host h2 has been in step 12, phase data for 6 s, and rank 0 has "
                  "waited longer than the deadline of 5 s")));
}

TEST(Verdict, IsNoneWhileNobodyWaitsTooLong) {
  EXPECT_EQ(verdict({at(0, RunPhase::kCompute, 300.0), at(1, RunPhase::kCompute, 290.0)}, 5.0),
            std::nullopt);
  EXPECT_EQ(verdict({at(0, RunPhase::kData, 300.0), at(1, RunPhase::kReduce, 4.0)}, 5.0),
            std::nullopt);
}

TEST(Verdict, IsNoneWhereAllWaitOrSaveOrHaveLeft) {
  EXPECT_EQ(verdict({at(0, RunPhase::kReduce, 9.0), at(1, RunPhase::kReduce, 9.0)}, 5.0),
            std::nullopt);
  EXPECT_EQ(verdict({at(0, RunPhase::kSave, 90.0), at(1, RunPhase::kFacts, 9.0)}, 5.0),
            std::nullopt);
  RankWatch left = at(1, RunPhase::kData, 90.0, 90.0);
  left.is_unwatched = true;
  EXPECT_EQ(verdict({at(0, RunPhase::kReduce, 9.0), left}, 5.0), std::nullopt);
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
