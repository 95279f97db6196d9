// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/watchdog.h"

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include "tests/support/refusal.h"

namespace larkspur::distributed {
namespace {

using namespace std::chrono_literals;

/// A report that a test can wait for; patient, so that a busy machine is no failure.
class Report {
 public:
  WatchRequest request(double deadline_seconds, bool ended = false) {
    return {"reduce",
            3,
            deadline_seconds,
            [this, ended] {
              ++polls;
              return ended;
            },
            [this](const Overdue& overdue) {
              ++calls;
              promise_.set_value(overdue);
            }};
  }
  Overdue get() {
    auto future = promise_.get_future();
    if (future.wait_for(60s) != std::future_status::ready) throw std::runtime_error("no report");
    return future.get();
  }

  std::atomic<int> polls{0};
  std::atomic<int> calls{0};

 private:
  std::promise<Overdue> promise_;
};

/// The watchdog looks at deadlines in order: when this returns, earlier ones have been looked at.
void pass_deadline(Watchdog& watchdog, double seconds) {
  Report later;
  const Watch watch = watchdog.watch(later.request(seconds));
  later.get();
}

TEST(Watchdog, ReportsOnceWhatHasNotEndedAtItsDeadline) {
  Watchdog watchdog;
  Report report;
  const Watch watch = watchdog.watch(report.request(0.02));
  const Overdue overdue = report.get();
  EXPECT_EQ(overdue.operation, "reduce");
  EXPECT_EQ(overdue.rank, 3);
  EXPECT_GE(overdue.seconds, 0.02);
  pass_deadline(watchdog, 0.01);
  EXPECT_EQ(report.polls, 1);
  EXPECT_EQ(report.calls, 1);
}

TEST(Watchdog, SaysNothingOfWhatThePollCallsEnded) {
  Watchdog watchdog;
  Report report;
  const Watch watch = watchdog.watch(report.request(0.005, /*ended=*/true));
  pass_deadline(watchdog, 0.03);
  EXPECT_EQ(report.polls, 1);
  EXPECT_EQ(report.calls, 0);
}

TEST(Watchdog, LooksNoMoreAtWhatIsNoLongerWatched) {
  Watchdog watchdog;
  Report destroyed;
  Report replaced;
  {
    const Watch watch = watchdog.watch(destroyed.request(0.2));
    Watch other = watchdog.watch(replaced.request(0.2));
    other = Watch();
  }
  pass_deadline(watchdog, 0.25);
  EXPECT_EQ(destroyed.polls, 0);
  EXPECT_EQ(replaced.polls, 0);
}

TEST(Watchdog, ANearDeadlineIsNotHeldUpByAFarOne) {
  Watchdog watchdog;
  Report far;
  const Watch first = watchdog.watch(far.request(3600.0));
  pass_deadline(watchdog, 0.02);
  EXPECT_EQ(far.polls, 0);
}

TEST(Watchdog, EndingAWatchWaitsForItsHandler) {
  Watchdog watchdog;
  std::promise<void> entered;
  std::atomic<bool> left{false};
  {
    const Watch watch = watchdog.watch({"saving",
                                        0,
                                        0.001,
                                        [] { return false; },
                                        [&](const Overdue&) {
                                          entered.set_value();
                                          std::this_thread::sleep_for(30ms);
                                          left = true;
                                        }});
    entered.get_future().wait();
  }
  EXPECT_TRUE(left);
}

TEST(Watchdog, AHandlerMayEndItsOwnWatch) {
  Watchdog watchdog;
  std::promise<void> done;
  std::optional<Watch> watch;
  std::promise<void> assigned;
  watch = watchdog.watch({"saving",
                          0,
                          0.001,
                          [ready = assigned.get_future().share()] {
                            ready.wait();
                            return false;
                          },
                          [&](const Overdue&) {
                            watch.reset();
                            done.set_value();
                          }});
  assigned.set_value();
  EXPECT_EQ(done.get_future().wait_for(60s), std::future_status::ready);
}

TEST(Watchdog, LooksAgainAndAgainUntilNobodyWatches) {
  Watchdog watchdog;
  std::atomic<int> looks = 0;
  std::promise<void> third;
  {
    const Watch watch = watchdog.every(0.002, [&] {
      if (++looks == 3) third.set_value();
    });
    ASSERT_EQ(third.get_future().wait_for(60s), std::future_status::ready);
  }
  const int before = looks;
  pass_deadline(watchdog, 0.02);
  EXPECT_EQ(looks, before);
}

TEST(Watchdog, NeedsADeadline) {
  Report report;
  EXPECT_THAT(testing::error_of([&] {
                const Watch watch = Watchdog::of_process().watch(report.request(0.0));
              }).what(),
              ::testing::HasSubstr("the deadline of reduce is 0 s"));
}

}  // namespace
}  // namespace larkspur::distributed
