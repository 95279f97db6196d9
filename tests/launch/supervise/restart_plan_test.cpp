// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/restart_plan.h"

#include <gmock/gmock.h>

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Hostfile, IsReadAndWrittenAsMpirunTakesIt) {
  const auto hosts = hosts_in("# mine\n a slots=4 max_slots=8 # first\n\nb\n10.0.0.3 slots=2\n");
  EXPECT_THAT(hosts, ElementsAre(HostSlots{"a", 4}, HostSlots{"b", 1}, HostSlots{"10.0.0.3", 2}));
  EXPECT_EQ(hostfile_text(hosts), "a slots=4\nb slots=1\n10.0.0.3 slots=2\n");
}

TEST(RestartPlan, StartsAgainAsOftenAsAllowed) {
  RestartPlan plan({4, 0, 2}, {});
  EXPECT_FALSE(plan.after_fault(5, "").gives_up);
  EXPECT_FALSE(plan.after_fault(9, "b").gives_up);
  const NextStart last = plan.after_fault(12, "");
  EXPECT_TRUE(last.gives_up);
  EXPECT_EQ(last.why, "after 2 restarts");
  EXPECT_EQ(last.ranks, 4);
}

TEST(RestartPlan, WaitsLongerAfterEachFaultInVainAndGivesUpAfterThree) {
  RestartPlan plan({2, 0, 100}, {});
  EXPECT_EQ(plan.after_fault(7, "").wait_seconds, 0.0);
  EXPECT_EQ(plan.after_fault(7, "").wait_seconds, 1.0);
  EXPECT_EQ(plan.after_fault(6, "").wait_seconds, 2.0);
  EXPECT_EQ(plan.after_fault(8, "").wait_seconds, 0.0);  // a new step
  EXPECT_EQ(plan.after_fault(8, "").wait_seconds, 1.0);
  EXPECT_EQ(plan.after_fault(8, "").wait_seconds, 2.0);
  const NextStart last = plan.after_fault(8, "");
  EXPECT_TRUE(last.gives_up);
  EXPECT_THAT(last.why, HasSubstr("without a step behind step 8 in 3 starts in a row"));
}

TEST(RestartPlan, WhatHasNoStepsStartsAgainAsOftenAsAllowed) {
  RestartPlan plan({2, 0, 40, /*trains=*/false}, {});
  for (int fault = 0; fault < 40; ++fault) {
    const NextStart next = plan.after_fault(0, "");
    EXPECT_FALSE(next.gives_up) << fault;
    EXPECT_EQ(next.wait_seconds, fault < 6 ? 1 << fault : 60) << fault;
  }
  EXPECT_EQ(plan.after_fault(0, "").why, "after 40 restarts");
}

TEST(RestartPlan, LeavesOutTheHostThatWentDownToTheFewestRanks) {
  RestartPlan plan({6, 3, 100}, {{"a", 2}, {"b.cluster", 2}, {"10.0.0.3", 2}});
  EXPECT_EQ(plan.after_fault(1, "").ranks, 6);
  EXPECT_EQ(plan.after_fault(2, "b").ranks, 4);
  EXPECT_THAT(plan.hosts(), ElementsAre(HostSlots{"a", 2}, HostSlots{"10.0.0.3", 2}));
  EXPECT_FALSE(plan.after_fault(3, "elsewhere").on_fewer_hosts);
  EXPECT_EQ(plan.after_fault(4, "10.0.0.4").ranks, 4);
  const NextStart last = plan.after_fault(5, "10.0.0.3");
  EXPECT_TRUE(last.gives_up);
  EXPECT_EQ(last.why, "and without 10.0.0.3 there are slots for 2 ranks, fewer than --min-ranks 3");
}

}  // namespace
}  // namespace larkspur::launch
