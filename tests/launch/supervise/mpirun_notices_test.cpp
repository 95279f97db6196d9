// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/mpirun_notices.h"

#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

std::string notice(const std::string& text) {
  const std::string ruler(74, '-');
  return ruler + "\n" + text + "\n" + ruler + "\n";
}

/// Everything, in pieces of so many bytes.
std::string passed(MpirunNotices& notices, const std::string& words, std::size_t bytes) {
  std::string all;
  for (std::size_t at = 0; at < words.size(); at += bytes) {
    all += notices.pass(std::string_view(words).substr(at, bytes));
  }
  return all + notices.rest();
}

TEST(MpirunNotices, LeaveOutWhatTheRanksHaveSaid) {
  const std::string words =
      "larkspur: x.off is not there\n" +
      notice("Primary job  terminated normally, but 1 process returned\na non-zero exit code.") +
      notice("mpirun detected that one or more processes exited with non-zero status, thus\n") +
      notice("prterun detected that one or more processes exited with non-zero status,\nthus") +
      "mpirun: Forwarding signal 12 to job\nthe last line";
  for (const std::size_t bytes : {1UL, 7UL, 10000UL}) {
    MpirunNotices notices;
    EXPECT_EQ(passed(notices, words, bytes), "larkspur: x.off is not there\nthe last line");
    EXPECT_EQ(notices.lost_host(), "");
  }
}

TEST(MpirunNotices, KeepWhatOnlyMpirunKnows) {
  const std::string words =
      "a\n" + notice("There are not enough slots available in the system") + "b\n" +
      notice("mpirun noticed that process rank 1 with PID 0 on node a exited on signal 9.");
  MpirunNotices notices;
  EXPECT_EQ(passed(notices, words, 5), words);
}

TEST(MpirunNotices, TellTheHostThatWasLost) {
  for (const std::string daemons : {"ORTE", "PRTE"}) {
    MpirunNotices notices;
    EXPECT_EQ(
        passed(notices,
               notice(daemons + " has lost communication with a remote daemon.\n\n"
                                "  HNP daemon   : [[15430,0],0] on node first\n"
                                "  Remote daemon: [[15430,0],1] on node second.cluster\n\nThis is"),
               9),
        "");
    EXPECT_EQ(notices.lost_host(), "second.cluster");
  }
}

TEST(MpirunNotices, TellTheHostOfARankThatIsSilent) {
  const std::string words =
      "larkspur: rank 0 on host first has been in step 3, phase data for 6 s, and rank 1 waits\n"
      "larkspur: rank 1 on host second has been silent for 5 s (deadline 5 s); last heard of\n";
  MpirunNotices notices;
  EXPECT_EQ(passed(notices, words, 9), words);
  EXPECT_EQ(notices.silent_host(), "second");
  EXPECT_EQ(notices.lost_host(), "");
}

TEST(MpirunNotices, LoseNothingOfANoticeThatIsCutShort) {
  const std::string cut = std::string(74, '-') + "\nORTE was unable to";
  MpirunNotices notices;
  EXPECT_EQ(passed(notices, cut, 11), cut);
}

}  // namespace
}  // namespace larkspur::launch
