// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/restart_plan.h"

#include <gmock/gmock.h>

#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<HostSlots> hosts_of(const std::string& text) { return hosts_in(text, "F"); }

TEST(Hostfile, IsWrittenWithTheWordsThatItHad) {
  const auto hosts = hosts_of("# mine\n a slots=4 max_slots=8 # first\n\n10.0.0.3  slots=2\n");
  EXPECT_THAT(hosts,
              ElementsAre(HostSlots{"a", 4, "a slots=4 max_slots=8"},
                          HostSlots{"10.0.0.3", 2, "10.0.0.3 slots=2"}));
  EXPECT_EQ(hostfile_text(hosts), "a slots=4 max_slots=8\n10.0.0.3 slots=2\n");
}

TEST(Hostfile, ALineThatLeavesTheSlotsToMpirunIsRefused) {
  for (const std::string line :
       {"b", "b max_slots=4", "b slots=0", "b slots=many", "b slots=2x", "b slots = 2"}) {
    const std::string refusal =
        testing::refusal_of([&] { hosts_of("# mine\na slots=4\n" + line + "\n"); }).text;
    EXPECT_THAT(refusal, HasSubstr("F:3: host b has no slots=N")) << line;
    EXPECT_THAT(refusal, HasSubstr("write slots=N")) << line;
  }
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

TEST(RestartPlan, TellsHostsApartByAllOfTheirNames) {
  RestartPlan plan({6, 1, 100}, {{"n.east", 1}, {"n.west", 1}, {"m", 1}, {"10.0.0.3", 1}});
  for (const auto* other : {"n.north", "m2.east", "10", "10.0", "10.0.0.4"}) {
    const NextStart next = plan.after_fault(0, other);
    EXPECT_TRUE(next.is_unlisted) << other;
    EXPECT_FALSE(next.on_fewer_hosts) << other;
  }
  EXPECT_TRUE(plan.after_fault(1, "n.west").on_fewer_hosts);
  EXPECT_TRUE(plan.after_fault(2, "m.east").on_fewer_hosts);
  EXPECT_THAT(plan.hosts(), ElementsAre(HostSlots{"n.east", 1}, HostSlots{"10.0.0.3", 1}));
  EXPECT_FALSE(plan.after_fault(3, "").is_unlisted);
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
