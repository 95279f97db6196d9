// SPDX-License-Identifier: Apache-2.0
// Jobs are shell scripts here; the real ones are in tests/system/launch_test.py.
#include "launch/supervise/supervisor.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

/// A script's end and its words. `when_said` is called once, after its first words.
struct Ran {
  JobEnd end;
  std::string words;
};

Ran run_script(Supervisor& supervisor,
               const std::string& script,
               const std::function<void()>& when_said = {}) {
  Ran ran;
  std::function<void()> once = when_said;
  const JobCallbacks watch{[&](std::string_view words) { ran.words += words; },
                           [&] {
                             if (ran.words.empty() || !once) return;
                             once();
                             once = {};
                           }};
  ran.end = supervisor.run({"/bin/sh", "-c", script}, watch);
  return ran;
}

Ran run_script(const SupervisorOptions& options,
               const std::string& script,
               const std::function<void()>& when_said = {}) {
  Supervisor supervisor(options);
  return run_script(supervisor, script, when_said);
}

/// Whoever started the tests may ignore some of the signals, as a shell does in the background.
[[maybe_unused]] const bool heard = [] {
  for (const int signal : {SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_DFL);
  return true;
}();

SupervisorOptions short_grace() {
  SupervisorOptions options;
  options.grace_seconds = 0.5;
  return options;
}

constexpr auto* kWaitForUsr2 = "trap 'exit 75' USR2; echo ready >&2; while :; do sleep 0.05; done";
constexpr auto* kDeaf = "trap '' USR2; echo ready >&2; while :; do sleep 0.05; done";

TEST(Supervisor, HandsOnCodeAndWords) {
  const Ran ran = run_script({}, "echo one >&2; echo two >&2; exit 3");
  EXPECT_EQ(ran.end.code, 3);
  EXPECT_FALSE(ran.end.asked);
  EXPECT_EQ(ran.end.killed, "");
  EXPECT_EQ(ran.words, "one\ntwo\n");
}

TEST(Supervisor, ADeathBySignalIsACodeAbove128) {
  EXPECT_EQ(run_script({}, "kill -SEGV $$").end.code, 128 + SIGSEGV);
}

TEST(Supervisor, TheJobHasNoInput) { EXPECT_EQ(run_script({}, "cat").end.code, 0); }

TEST(Supervisor, StopSignalsBecomeOneRequest) {
  for (const int signal : {SIGINT, SIGHUP, SIGTERM, SIGUSR2}) {
    const Ran ran = run_script({}, kWaitForUsr2, [signal] { ::raise(signal); });
    EXPECT_EQ(ran.end.code, 75) << signal;
    EXPECT_TRUE(ran.end.asked) << signal;
    EXPECT_EQ(ran.end.killed, "") << signal;
  }
}

TEST(Supervisor, AsksWithTheSignalItWasTold) {
  SupervisorOptions options;
  options.ask_signal = SIGTERM;
  const Ran ran = run_script(options,
                             "trap 'exit 9' TERM; echo ready >&2; while :; do sleep 0.05; done",
                             [] { ::raise(SIGINT); });
  EXPECT_EQ(ran.end.code, 9);
}

TEST(Supervisor, Usr1IsPassedOnAndTheJobGoesOn) {
  const Ran ran = run_script(
      {}, "trap 'echo saved >&2; exit 0' USR1; echo ready >&2; while :; do sleep 0.05; done", [] {
        ::raise(SIGUSR1);
      });
  EXPECT_EQ(ran.end.code, 0);
  EXPECT_FALSE(ran.end.asked);
  EXPECT_EQ(ran.words, "ready\nsaved\n");
}

TEST(Supervisor, KillsWhatDoesNotEndWithinTheGraceTime) {
  const Ran ran = run_script(short_grace(), kDeaf, [] { ::raise(SIGTERM); });
  EXPECT_TRUE(ran.end.asked);
  EXPECT_EQ(ran.end.killed, "not done within the grace time");
  EXPECT_EQ(ran.end.code, 128 + SIGKILL);
}

TEST(Supervisor, ASecondInterruptKills) {
  Supervisor supervisor({});
  std::string words;
  int raised = 0;
  const JobCallbacks watch{[&](std::string_view text) { words += text; },
                           [&] {
                             if (words.empty() || raised == 2) return;
                             ++raised;
                             ::raise(SIGINT);
                           }};
  const JobEnd end = supervisor.run({"/bin/sh", "-c", kDeaf}, watch);
  EXPECT_EQ(end.killed, "interrupted again");
}

/// Whether a process still runs.
bool alive(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string text;
  std::getline(file, text);
  return !text.empty() && text.find(") Z") == std::string::npos;
}

TEST(Supervisor, LeavesNothingOfTheSessionBehind) {
  const Ran ran = run_script({}, "sleep 600 >/dev/null & echo $! >&2; exit 4");
  EXPECT_EQ(ran.end.code, 4);
  EXPECT_FALSE(alive(ran.words.substr(0, ran.words.find('\n'))));
}

TEST(Supervisor, TheJobIsInASessionOfItsOwn) {
  const Ran ran = run_script({}, "cut -d' ' -f1,6 /proc/$$/stat >&2");
  const std::size_t blank = ran.words.find(' ');
  EXPECT_EQ(ran.words.substr(0, blank) + "\n", ran.words.substr(blank + 1));
}

TEST(Supervisor, KillsAJobThatGoesOnWithoutRanks) {
  SupervisorOptions options;
  options.idle_seconds = 0.5;
  options.rank_program = std::filesystem::canonical("/bin/sleep").string();
  const Ran ran =
      run_script(options, "sleep 2.5; echo over >&2; exec timeout 20 tail -f /dev/null");
  EXPECT_EQ(ran.end.killed, "mpirun went on though all ranks on this host had ended");
  EXPECT_FALSE(ran.end.asked);
}

/// The first rank is seen before its file goes away, and both ranks last longer than idle_seconds.
TEST(Supervisor, AProgramReplacedUnderTheJobStillRuns) {
  const testing::TempDir dir;
  const auto program = dir.path() / "rank";
  std::filesystem::copy_file(std::filesystem::canonical("/bin/sleep"), program);
  SupervisorOptions options;
  options.idle_seconds = 0.5;
  options.rank_program = program.string();
  const Ran ran = run_script(options,
                             "cd '" + dir.path().string() +
                                 "'; ./rank 4.5 & sleep 1.5; cp rank new; mv rank old; rm old; "
                                 "mv new rank; wait; exit 6");
  EXPECT_EQ(ran.end.killed, "");
  EXPECT_EQ(ran.end.code, 6);
}

TEST(Supervisor, SignalsIgnoredBeforeStayIgnored) {
  const auto former = ::signal(SIGHUP, SIG_IGN);  // as nohup does
  const Ran ran =
      run_script({}, "trap '' USR2; echo ready >&2; sleep 0.5; exit 6", [] { ::raise(SIGHUP); });
  ::signal(SIGHUP, former);
  EXPECT_FALSE(ran.end.asked);
  EXPECT_EQ(ran.end.code, 6);
}

TEST(Supervisor, TheJobIsKilledByAClosedPipeAsOthersAre) {
  const auto former = ::signal(SIGPIPE, SIG_IGN);
  const Ran ran = run_script({}, "kill -PIPE $$; exit 6");
  ::signal(SIGPIPE, former);
  EXPECT_EQ(ran.end.code, 128 + SIGPIPE);
}

TEST(Supervisor, AStopAskedForBetweenTwoRunsCountsForTheSecond) {
  Supervisor supervisor({});
  EXPECT_EQ(run_script(supervisor, "exit 5").end.code, 5);
  ::raise(SIGINT);
  const Ran ran = run_script(supervisor, "sleep 60");
  EXPECT_TRUE(ran.end.asked);
  EXPECT_EQ(ran.end.code, 128 + SIGUSR2);
}

TEST(Supervisor, ACommandThatIsNotThereSaysSo) {
  Supervisor supervisor({});
  std::string words;
  const JobEnd end =
      supervisor.run({"/nowhere/mpirun"}, {[&](std::string_view text) { words += text; }, [] {}});
  EXPECT_EQ(end.code, 127);
  EXPECT_THAT(words, HasSubstr("/nowhere/mpirun: cannot be executed"));
}

TEST(Supervisor, GivesTheJobNoneOfTheSignalsThatItHeldItself) {
  sigset_t held;
  sigset_t before;
  ::sigemptyset(&held);
  ::sigaddset(&held, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &held, &before);
  const Ran ran = run_script(SupervisorOptions{}, "grep SigBlk /proc/self/status >&2");
  EXPECT_THAT(ran.words, HasSubstr("0000000000000000"));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace larkspur::launch
