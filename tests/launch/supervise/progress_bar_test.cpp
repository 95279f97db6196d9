// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/progress_bar.h"

#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

pipeline::StepMetrics metrics_of(std::int64_t step) {
  pipeline::StepMetrics metrics;
  metrics.step = step;
  metrics.epoch = 1;
  metrics.loss = 0.83125;
  metrics.accuracy = 71.875;
  metrics.samples_per_second = 209.6;
  return metrics;
}

/// A bar on a string with a clock the test moves.
struct Drawn {
  std::ostringstream out;
  double now = 1000.0;
  ProgressBar bar;

  explicit Drawn(Audience audience) : bar(out, {10, audience, 0.5, 30.0}, [this] { return now; }) {}

  /// What the step adds to the stream, `seconds` after the one before.
  std::string step(std::int64_t step, double seconds) {
    now += seconds;
    out.str("");
    bar.step(metrics_of(step));
    return out.str();
  }
};

TEST(DurationText, IsMinutesAndHours) {
  EXPECT_EQ(duration_text(0.0), "0:00");
  EXPECT_EQ(duration_text(41.6), "0:42");
  EXPECT_EQ(duration_text(3599.6), "1:00:00");
  EXPECT_EQ(duration_text(3723.0), "1:02:03");
  EXPECT_EQ(duration_text(-5.0), "0:00");
}

TEST(ProgressText, NamesTheNumbersAPersonLooksFor) {
  EXPECT_EQ(progress_text(metrics_of(480), 1000, 41.6),
            "step 480/1000  epoch 2  loss 0.8313  top-1 71.9 %  210 samples/s  left 0:42");
}

TEST(ProgressText, NamesUnreadableSamplesOnlyWhenThereAreSome) {
  pipeline::StepMetrics metrics = metrics_of(1);
  metrics.bad_samples = 3;
  EXPECT_EQ(progress_text(metrics, 2, std::nullopt),
            "step 1/2  epoch 2  loss 0.8313  top-1 71.9 %  210 samples/s  unreadable 3");
}

TEST(BarText, FillsFromTheLeft) {
  EXPECT_EQ(bar_text(0, 10, 5), "[>    ] ");
  EXPECT_EQ(bar_text(4, 10, 5), "[==>  ] ");
  EXPECT_EQ(bar_text(9, 10, 5), "[====>] ");
  EXPECT_EQ(bar_text(10, 10, 5), "[=====] ");
  EXPECT_EQ(bar_text(11, 10, 5), "[=====] ");
}

TEST(ProgressBar, WritesAPlainLineNowAndThenForAFile) {
  Drawn drawn(Audience::kFile);
  EXPECT_EQ(drawn.step(3, 0.0), progress_text(metrics_of(3), 10, std::nullopt) + "\n");
  EXPECT_EQ(drawn.step(4, 10.0), progress_text(metrics_of(4), 10, 60.0) + "\n");
  EXPECT_EQ(drawn.step(5, 10.0), "");
  EXPECT_EQ(drawn.step(6, 10.0), "");
  EXPECT_EQ(drawn.step(7, 10.0), progress_text(metrics_of(7), 10, 30.0) + "\n");
  EXPECT_EQ(drawn.step(8, 10.0), "");
}

TEST(ProgressBar, TellsTheTimeLeftAfterTwoSeconds) {
  Drawn drawn(Audience::kFile);
  drawn.step(1, 0.0);
  EXPECT_EQ(drawn.step(2, 1.5), "");
  EXPECT_EQ(drawn.step(3, 1.5), progress_text(metrics_of(3), 10, 10.5) + "\n");
}

TEST(ProgressBar, SaysThatTheFirstStepIsUnderWay) {
  Drawn drawn(Audience::kFile);
  drawn.bar.wait_for_first(4);
  EXPECT_EQ(drawn.out.str(), "step 4/10, the next is under way\n");
  EXPECT_EQ(drawn.step(5, 100.0), progress_text(metrics_of(5), 10, std::nullopt) + "\n");
  Drawn watched(Audience::kPerson);
  watched.bar.wait_for_first(0);
  EXPECT_EQ(watched.out.str(), "\r[>                   ] step 0/10, the next is under way\x1b[K");
}

TEST(ProgressBar, AlwaysWritesTheLastStep) {
  Drawn drawn(Audience::kFile);
  drawn.step(9, 0.0);
  EXPECT_EQ(drawn.step(10, 0.1), progress_text(metrics_of(10), 10, 0.0) + "\n");
}

TEST(ProgressBar, DrawsOverItsOwnLineForAPerson) {
  Drawn drawn(Audience::kPerson);
  EXPECT_EQ(
      drawn.step(1, 0.0),
      "\r[==>                 ] " + progress_text(metrics_of(1), 10, std::nullopt) + "\x1b[K");
  EXPECT_EQ(drawn.step(2, 0.4), "");
  EXPECT_EQ(drawn.step(3, 0.2),
            "\r[======>             ] " + progress_text(metrics_of(3), 10, 2.1) + "\x1b[K");
}

TEST(ProgressBar, EndsItsLineWhenItGoes) {
  std::ostringstream out;
  {
    ProgressBar bar(out, {10, Audience::kPerson}, [] { return 0.0; });
    bar.step(metrics_of(1));
    EXPECT_EQ(out.str().back(), 'K');
  }
  EXPECT_EQ(out.str().back(), '\n');
}

TEST(ProgressBar, MakesRoomForOtherWordsAndComesBack) {
  std::ostringstream out;
  double now = 0.0;
  ProgressBar bar(out, {10, Audience::kPerson}, [&now] { return now; });
  bar.make_room();
  EXPECT_EQ(out.str(), "");
  bar.step(metrics_of(1));
  out.str("");
  bar.make_room();
  bar.make_room();
  EXPECT_EQ(out.str(), "\r\x1b[K");
  now = 1.0;
  bar.step(metrics_of(2));
  EXPECT_EQ(out.str().back(), 'K');
}

TEST(ProgressBar, RefusesARunWithoutSteps) {
  std::ostringstream out;
  EXPECT_EQ(testing::refusal_of([&] {
              ProgressBar(out, {0, Audience::kFile});
            }).text,
            "[progress_bar] total_steps is 0, not > 0");
}

}  // namespace
}  // namespace larkspur::launch
