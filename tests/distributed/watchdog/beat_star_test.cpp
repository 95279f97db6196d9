// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/beat_star.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "distributed/group_communicator.h"
#include "distributed/watchdog/star_sockets.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using namespace std::chrono_literals;
using larkspur::testing::run_ranks;
using pipeline::PhaseBoard;
using pipeline::RunPhase;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kDeadline = 0.4;

/// Ranks as threads, each with a board and a star; `part` plays them.
template <typename Part>
void with_stars(int count, std::function<void(const pipeline::Error&)> told, const Part& part) {
  run_ranks(count, [&](ProcessGroup& group) {
    GroupCommunicator ranks(group);
    PhaseBoard board;
    board.begin_step(7);
    const BeatStar star(ranks, board, {kDeadline, 0.02, told});
    part(ranks, board);
    ranks.all_gather("");  // all of them look until all are through
  });
}

TEST(BeatStar, NamesTheRankThatOthersWaitFor) {
  std::promise<std::string> sentence;
  auto told = sentence.get_future().share();
  with_stars(
      3,
      [&](const pipeline::Error& error) {
        EXPECT_EQ(error.code(), pipeline::Errc::kCollective);
        sentence.set_value(error.what());
      },
      [&](GroupCommunicator& ranks, PhaseBoard& board) {
        board.enter(ranks.rank() == 2 ? RunPhase::kData : RunPhase::kReduce);
        EXPECT_EQ(told.wait_for(60s), std::future_status::ready);
      });
  EXPECT_THAT(told.get(),
              AllOf(HasSubstr("rank 2 on host " + host_name()), HasSubstr("step 7, phase data")));
}

TEST(BeatStar, SaysNothingOfRanksThatGoOn) {
  std::atomic<int> told = 0;
  with_stars(
      3,
      [&](const pipeline::Error&) { ++told; },
      [&](GroupCommunicator&, PhaseBoard& board) {
        for (int turn = 0; turn < 6; ++turn) {
          board.enter(turn % 2 == 0 ? RunPhase::kReduce : RunPhase::kCompute);
          std::this_thread::sleep_for(150ms);
        }
      });
  EXPECT_EQ(told, 0);
}

TEST(BeatStar, SaysNothingWhenALongExchangeEndsForOneRankFirst) {
  std::atomic<int> told = 0;
  with_stars(
      2,
      [&](const pipeline::Error&) { ++told; },
      [&](GroupCommunicator& ranks, PhaseBoard& board) {
        board.enter(RunPhase::kReduce);
        std::this_thread::sleep_for(2 * std::chrono::duration<double>(kDeadline));
        if (ranks.rank() == 0) board.enter(RunPhase::kCompute);
        std::this_thread::sleep_for(60ms);
      });
  EXPECT_EQ(told, 0);
}

TEST(BeatStar, WarnsOfARankThatHoldsTheOthersUp) {
  ::testing::internal::CaptureStderr();
  with_stars(
      2,
      [&](const pipeline::Error& error) { ADD_FAILURE() << error.what(); },
      [&](GroupCommunicator& ranks, PhaseBoard& board) {
        for (int turn = 0; turn < 200; ++turn) {  // longer than a window, none of it too long
          board.enter(ranks.rank() == 1 ? RunPhase::kData : RunPhase::kGather);
          std::this_thread::sleep_for(10ms);
        }
      });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("rank 1 on host"));
}

TEST(BeatStar, ARankThatLeavesIsNoFault) {
  std::atomic<int> told = 0;
  run_ranks(2, [&](ProcessGroup& group) {
    GroupCommunicator ranks(group);
    PhaseBoard board;
    auto star = std::make_unique<BeatStar>(
        ranks, board, StarOptions{kDeadline, 0.02, [&](const pipeline::Error&) { ++told; }});
    if (ranks.rank() == 1) star.reset();
    std::this_thread::sleep_for(2 * std::chrono::duration<double>(kDeadline));
    ranks.all_gather("");
  });
  EXPECT_EQ(told, 0);
}

/// Rank 1's end of the star is closed as the system closes that of a process which has died, or is
/// cut off with an error.
std::string told_when_cut_off(bool is_error) {
  std::promise<std::string> sentence;
  auto told = sentence.get_future().share();
  run_ranks(2, [&](ProcessGroup& group) {
    GroupCommunicator ranks(group);
    PhaseBoard board;
    std::unique_ptr<BeatStar> star;
    if (ranks.rank() == 0) {
      star = std::make_unique<BeatStar>(
          ranks, board, StarOptions{kDeadline, 0.02, [&](const pipeline::Error& error) {
                                      sentence.set_value(error.what());
                                    }});
    } else {
      const std::vector<StarEnd> ends = connect_star(ranks);
      const linger reset{is_error ? 1 : 0, 0};
      ::setsockopt(ends.front().socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    EXPECT_EQ(told.wait_for(20s), std::future_status::ready);
    ranks.all_gather("");
  });
  return told.wait_for(0s) == std::future_status::ready ? told.get() : "";
}

TEST(BeatStar, AConnectionThatEndsWithoutAWordIsSilence) {
  EXPECT_THAT(told_when_cut_off(/*is_error=*/false), HasSubstr("rank 1 on host"));
  EXPECT_THAT(told_when_cut_off(/*is_error=*/true), HasSubstr("has been silent"));
}

}  // namespace
}  // namespace larkspur::distributed
