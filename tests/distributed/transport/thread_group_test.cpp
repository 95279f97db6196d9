// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/thread_group.h"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/group_operations.h"
#include "tests/support/refusal.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::Bytes;
using larkspur::testing::error_of;
using larkspur::testing::run_ranks;
using pipeline::Errc;
using pipeline::Error;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ThreadGroupOperations : public ::testing::TestWithParam<int> {};

TEST_P(ThreadGroupOperations, AllToAllDeliversUnevenBlocks) {
  run_ranks(GetParam(), [](ProcessGroup& group) {
    for (const std::size_t scale : {1U, 7U, 5000U}) testing::check_all_to_all(group, scale);
  });
}

TEST_P(ThreadGroupOperations, AllGatherDeliversUnevenBlocks) {
  run_ranks(GetParam(), [](ProcessGroup& group) { testing::check_all_gather(group, 333); });
}

TEST_P(ThreadGroupOperations, AllGatherWorksInPlace) {
  run_ranks(GetParam(), [](ProcessGroup& group) { testing::check_all_gather_in_place(group); });
}

TEST_P(ThreadGroupOperations, BroadcastCopiesFromEachRoot) {
  run_ranks(GetParam(), [](ProcessGroup& group) { testing::check_broadcast(group); });
}

TEST_P(ThreadGroupOperations, OperationsUnderWayAtOnceDoNotMix) {
  run_ranks(GetParam(), [](ProcessGroup& group) { testing::check_many_under_way(group); });
}

TEST_P(ThreadGroupOperations, BarrierLetsNobodyThroughBeforeTheLast) {
  std::atomic<int> arrived{0};
  run_ranks(GetParam(), [&](ProcessGroup& group) {
    for (int round = 1; round <= 50; ++round) {
      ++arrived;
      group.barrier().wait();
      EXPECT_GE(arrived.load(), round * group.size());
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, ThreadGroupOperations, ::testing::Range(1, 9));

TEST(ThreadGroup, BlocksGoInsideHostsAndAcross) {
  for (const std::vector<int>& hosts : {std::vector<int>{0, 0, 0, 1, 1}, {0, 1, 1, 2, 2, 2}}) {
    run_ranks(
        static_cast<int>(hosts.size()),
        [](ProcessGroup& group) { testing::check_routes(group, 333); },
        30.0,
        /*reads_memory=*/false,
        hosts);
  }
}

TEST(ThreadGroup, ARouteOfAnotherOperationIsRefused) {
  auto groups = make_thread_groups(1, {});
  Bytes data(4);
  const std::vector<ConstBlock> sends{data};
  const std::vector<Block> receives{data};
  const Error error =
      error_of([&] { groups[0]->all_to_all(sends, receives, "", Route::kRelayed); });
  EXPECT_STREQ(error.what(), "[all_to_all] does not go that route");
}

TEST(ThreadGroup, HostsOfOtherRanksAreRefused) {
  const Error error = error_of([] { make_thread_groups(2, {.hosts = {0, 0, 1}}); });
  EXPECT_STREQ(error.what(), "[thread_group] hosts of 3 ranks, there are 2");
}

TEST(ThreadGroup, ALateRankMakesTheOthersThrowNamingItOnceTheDeadlinePasses) {
  auto groups = make_thread_groups(3, {"thread", 0.1});
  auto last = groups[1]->barrier();
  const auto before = std::chrono::steady_clock::now();
  const Error error = error_of([&] { groups[0]->barrier().wait(); });
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(100));
  EXPECT_EQ(error.code(), Errc::kCollective);
  EXPECT_STREQ(error.what(), "[barrier] rank 0 waited 0.1 s, the deadline, for rank 2");
}

TEST(ThreadGroup, ARankThatThrewCannotGoOn) {
  auto groups = make_thread_groups(2, {"thread", 0.01});
  EXPECT_THROW(groups[0]->barrier().wait(), Error);
  EXPECT_EQ(error_of([&] { groups[0]->barrier(); }).code(), Errc::kCollective);
  const Error error = error_of([&] { groups[1]->barrier().wait(); });
  EXPECT_THAT(error.what(), HasSubstr("rank 0, which has left"));
}

TEST(ThreadGroup, ADestroyedRankIsMissedLongBeforeTheDeadline) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  Bytes data(8);
  auto pending = groups[0]->broadcast(data, 1);
  std::thread leaver([group = std::move(groups[1])]() mutable { group.reset(); });
  const Error error = error_of([&] { pending.wait(); });
  leaver.join();
  EXPECT_EQ(error.code(), Errc::kCollective);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("[broadcast]"), HasSubstr("rank 1, which has left")));
}

TEST(ThreadGroup, AnOperationThatIsDoneOutlivesItsPeers) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  auto mine = groups[0]->barrier();
  groups[1]->barrier().wait();
  groups[1]->abandon();
  EXPECT_NO_THROW(mine.wait());
}

TEST(ThreadGroup, ADroppedOperationBreaksTheGroup) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  { const Pending dropped = groups[0]->barrier(); }
  EXPECT_EQ(error_of([&] { groups[1]->barrier().wait(); }).code(), Errc::kCollective);
}

TEST(ThreadGroup, AReassignedHandleBreaksTheGroupAsWell) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  Pending pending = groups[0]->barrier();
  pending = Pending();
  EXPECT_EQ(error_of([&] { groups[1]->barrier().wait(); }).code(), Errc::kCollective);
}

TEST(ThreadGroup, DifferentOperationsInOnePlaceAreRefusedNamingBoth) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  Bytes data(4);
  auto first = groups[0]->barrier();
  const Error second = error_of([&] { groups[1]->broadcast(data, 0); });
  EXPECT_EQ(second.code(), Errc::kInvalidArgument);
  EXPECT_THAT(second.what(), AllOf(HasSubstr("broadcast"), HasSubstr("barrier of rank 0")));
  EXPECT_EQ(error_of([&] { first.wait(); }).code(), Errc::kInvalidArgument);
}

TEST(ThreadGroup, BlocksOfDifferentSizesAreRefusedWithBothSizes) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  Bytes four(4);
  Bytes five(5);
  auto first = groups[0]->broadcast(four, 0);
  const Error error = error_of([&] { groups[1]->broadcast(five, 0); });
  EXPECT_THAT(error.what(), HasSubstr("rank 0 sends 4 bytes, rank 1 expects 5"));
  EXPECT_THROW(first.wait(), Error);
}

TEST(ThreadGroup, NeedsARankAndADeadline) {
  EXPECT_THROW(make_thread_groups(0, {}), Error);
  EXPECT_THAT(error_of([] {
                make_thread_groups(2, {"thread", 0.0});
              }).what(),
              HasSubstr("deadline_seconds is 0"));
}

TEST(ThreadRanks, RethrowsTheFirstErrorAndLetsTheOthersGo) {
  const Error error = error_of([] {
    run_ranks(3, [](ProcessGroup& group) {
      if (group.rank() == 1) throw Error(Errc::kDevice, "rank 1 broke");
      group.barrier().wait();
    });
  });
  EXPECT_EQ(error.code(), Errc::kDevice);
}

}  // namespace
}  // namespace larkspur::distributed
