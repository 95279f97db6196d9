// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/task_progress.h"

#include <sstream>

#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

TEST(TaskProgress, SaysNothingOfWhatIsDoneInTwoSeconds) {
  std::ostringstream out;
  double now = 50.0;
  TaskProgress progress(out, {"evaluated", "samples"}, [&] { return now; });
  progress.at(1, 10);
  now += 1.9;
  progress.at(9, 10);
  progress.at(10, 10);
  EXPECT_EQ(out.str(), "");
}

TEST(TaskProgress, WritesAPlainLineNowAndThenForAFile) {
  std::ostringstream out;
  double now = 50.0;
  TaskProgress progress(out, {"evaluated", "samples"}, [&] { return now; });
  now += 4.0;
  progress.at(20, 100);
  now += 16.0;
  progress.at(50, 100);
  EXPECT_EQ(out.str(), "evaluated 20/100 samples  left 0:16\n");
  now += 20.0;
  progress.at(80, 100);
  EXPECT_EQ(out.str(),
            "evaluated 20/100 samples  left 0:16\n"
            "evaluated 80/100 samples  left 0:10\n");
}

TEST(TaskProgress, DrawsOverItsOwnLineForAPersonAndLeavesNothingBehind) {
  std::ostringstream out;
  double now = 0.0;
  {
    TaskProgress progress(out, {"checked", "files", Audience::kPerson}, [&] { return now; });
    now = 3.0;
    progress.at(5, 10);
    EXPECT_EQ(out.str(), "\r[==========>         ] checked 5/10 files  left 0:03\x1b[K");
    now = 3.05;
    progress.at(6, 10);
    out.str("");
  }
  EXPECT_EQ(out.str(), "\r\x1b[K");
}

}  // namespace
}  // namespace larkspur::launch
