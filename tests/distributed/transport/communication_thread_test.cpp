// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/communication_thread.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/refusal.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::error_of;
using pipeline::Errc;
using pipeline::Error;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A transfer made of one function.
class FakeTransfer : public Transfer {
 public:
  explicit FakeTransfer(std::function<bool()> advance) : advance_(std::move(advance)) {}
  bool advance() override { return advance_(); }
  std::vector<int> missing() const override { return {1, 3}; }

 private:
  std::function<bool()> advance_;
};

std::unique_ptr<Transfer> transfer(std::function<bool()> advance) {
  return std::make_unique<FakeTransfer>(std::move(advance));
}

CommunicationOptions patient(double deadline_seconds) {
  return {0, deadline_seconds, [] {}, [] {}};
}

TEST(CommunicationThread, MakesEveryCallFromOneThreadInOrder) {
  std::vector<std::string> calls;
  std::vector<std::thread::id> threads;
  const auto note = [&](const std::string& call) {
    calls.push_back(call);
    threads.push_back(std::this_thread::get_id());
  };
  {
    CommunicationThread thread({0, 60.0, [&] { note("begin"); }, [&] { note("end"); }});
    thread.submit(Operation::kBarrier, transfer([&] { return note("move"), true; })).wait();
  }
  EXPECT_THAT(calls, ElementsAre("begin", "move", "end"));
  for (const auto& id : threads) EXPECT_EQ(id, threads[0]);
  EXPECT_NE(threads[0], std::this_thread::get_id());
}

TEST(CommunicationThread, MovesATransferWhileItsOwnerDoesSomethingElse) {
  std::promise<void> done;
  CommunicationThread thread(patient(60.0));
  int turns = 0;
  auto pending = thread.submit(Operation::kBarrier, transfer([&] {
                                 if (++turns < 100) return false;
                                 done.set_value();
                                 return true;
                               }));
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  pending.wait();
  EXPECT_EQ(turns, 100);
}

TEST(CommunicationThread, FinishesALaterTransferBeforeAnEarlierOneThatIsStuck) {
  std::atomic<bool> go{false};
  CommunicationThread thread(patient(60.0));
  auto stuck = thread.submit(Operation::kBarrier, transfer([&] { return go.load(); }));
  thread.submit(Operation::kBarrier, transfer([] { return true; })).wait();
  go = true;
  EXPECT_NO_THROW(stuck.wait());
}

TEST(CommunicationThread, ThrowsAtTheDeadlineNamingOperationAndPeers) {
  CommunicationThread thread({2, 0.05, [] {}, [] {}});
  auto pending = thread.submit(Operation::kAllGather, transfer([] { return false; }));
  const Error error = error_of([&] { pending.wait(); });
  EXPECT_EQ(error.code(), Errc::kCollective);
  EXPECT_STREQ(error.what(), "[all_gather] rank 2 waited 0.05 s, the deadline, for rank 1, 3");
}

TEST(CommunicationThread, TouchesNothingOnceAWaitHasThrown) {
  std::atomic<int> touched{0};
  bool ended = false;
  {
    CommunicationThread thread({0, 0.05, [] {}, [&] { ended = true; }});
    auto pending = thread.submit(Operation::kBarrier, transfer([&] { return ++touched, false; }));
    EXPECT_THROW(pending.wait(), Error);
    const int before = touched;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(touched, before);
    const Error later =
        error_of([&] { thread.submit(Operation::kBroadcast, transfer([] { return true; })); });
    EXPECT_THAT(later.what(), HasSubstr("[broadcast] rank 0 cannot go on: [barrier]"));
  }
  EXPECT_FALSE(ended);
}

TEST(CommunicationThread, TouchesNothingOnceAnUnfinishedOperationWasDropped) {
  std::atomic<int> touched{0};
  CommunicationThread thread(patient(60.0));
  {
    const Pending dropped =
        thread.submit(Operation::kBarrier, transfer([&] { return ++touched, false; }));
  }
  const int before = touched;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(touched, before);
  const auto submit = [&] { thread.submit(Operation::kBarrier, transfer([] { return true; })); };
  EXPECT_THAT(error_of(submit).what(), HasSubstr("barrier was dropped unfinished"));
}

TEST(CommunicationThread, HandsOnTheErrorOfATransferToAllThatWait) {
  CommunicationThread thread(patient(60.0));
  auto other = thread.submit(Operation::kAllToAll, transfer([] { return false; }));
  auto broken = thread.submit(Operation::kBarrier, transfer([]() -> bool {
                                throw Error(Errc::kInvalidArgument, "sizes differ");
                              }));
  const Error first = error_of([&] { broken.wait(); });
  EXPECT_EQ(first.code(), Errc::kInvalidArgument);
  EXPECT_THAT(first.what(), HasSubstr("sizes differ"));
  EXPECT_THAT(error_of([&] { other.wait(); }).what(), HasSubstr("[all_to_all]"));
}

TEST(CommunicationThread, RethrowsWhatBeginThrew) {
  const Error error = error_of([] {
    CommunicationThread thread({0, 60.0, [] { throw Error(Errc::kCollective, "no"); }, [] {}});
  });
  EXPECT_STREQ(error.what(), "no");
}

TEST(CommunicationThread, LeavesAThreadBehindThatIsStuckInACall) {
  auto release = std::make_shared<std::promise<void>>();
  auto out = std::make_shared<std::promise<void>>();
  const auto stuck = [release, out] {
    release->get_future().wait();
    out->set_value();
  };
  const auto before = std::chrono::steady_clock::now();
  {
    const CommunicationThread thread({0, 0.05, [] {}, stuck});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30));
  release->set_value();
  out->get_future().wait();
}

}  // namespace
}  // namespace larkspur::distributed
