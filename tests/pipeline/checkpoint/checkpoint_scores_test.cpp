// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_scores.h"

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/checkpoint_writer.h"
#include "pipeline/storage/durable_file.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

/// Steps 1, 2, ... of one rank, saved and then scored.
class CheckpointScores : public ::testing::Test {
 protected:
  fs::path save() {
    ++toy_.state.step;
    return save_again();
  }
  fs::path save_again() { return save_checkpoint(options(), toy_.state, {}, toy_.communicator); }
  void score(double percent, const std::string& by = "held out", bool chooses = true) {
    record_score(options(), {toy_.state.step, percent, by, chooses});
  }
  void save_scored(const std::vector<double>& scores) {
    for (const double percent : scores) {
      save();
      score(percent);
    }
  }
  CheckpointOptions options() const { return {folder_.path(), keep_}; }
  fs::path link() const { return best_link(folder_.path()); }
  std::int64_t best_step() const { return find_checkpoint(link()).manifest().step; }
  std::vector<std::int64_t> steps() const {
    std::vector<std::int64_t> found;
    for (const CheckpointFolder& each : list_checkpoints(folder_.path())) {
      found.push_back(each.step);
    }
    return found;
  }

  int keep_ = 1;
  testing::TempDir folder_;
  testing::ToyRun toy_;
};

TEST_F(CheckpointScores, KeepTheBestBesideTheNewestOfEqualOnesTheEarliest) {
  save_scored({50, 70, 60, 70, 10});
  EXPECT_THAT(steps(), ElementsAre(5, 2));
  EXPECT_EQ(best_step(), 2);
  EXPECT_EQ(find_checkpoint(link() / "").folder().filename().string().substr(0, 11), "step-000002");
  save();
  EXPECT_EQ(best_step(), 2);
  save_scored({71});
  EXPECT_THAT(steps(), ElementsAre(7));
  EXPECT_EQ(best_step(), 7);
}

TEST_F(CheckpointScores, AScoreThatComesBeforeItsSaveIsOverCounts) {
  save_scored({50});
  ++toy_.state.step;
  score(60);
  EXPECT_EQ(best_step(), 1);
  save_again();
  EXPECT_EQ(best_step(), 2);
  EXPECT_THAT(steps(), ElementsAre(2));
}

TEST_F(CheckpointScores, WhatChoosesNothingIsKeptButLinksNothing) {
  save();
  score(70, "test set", false);
  save();
  EXPECT_FALSE(fs::exists(link()));
  EXPECT_THAT(steps(), ElementsAre(2));
  EXPECT_EQ(score_of(read_scores(folder_.path()), 1)->percent, 70);
  EXPECT_FALSE(score_of(read_scores(folder_.path()), 1, "held out"));
  EXPECT_FALSE(score_of(read_scores(folder_.path()), 2));
}

TEST_F(CheckpointScores, ThoseOfAnotherWayAreNotComparedAndTheBestOfEachWayStays) {
  save_scored({80, 90, 70});
  save();
  score(30, "thirty views");
  EXPECT_EQ(best_step(), 4);
  save();
  score(31, "thirty views");
  EXPECT_EQ(best_step(), 5);
  save();
  EXPECT_THAT(steps(), ElementsAre(6, 5, 2));
}

TEST_F(CheckpointScores, AStepsScoreOfOneWayStaysWhereItIsScoredInAnother) {
  save_scored({90, 80});
  score(75, "test set", false);
  save();
  EXPECT_EQ(score_of(read_scores(folder_.path()), 2, "held out")->percent, 80);
  EXPECT_EQ(score_of(read_scores(folder_.path()), 2)->percent, 75);
  EXPECT_EQ(best_step(), 1);
}

TEST_F(CheckpointScores, ThoseOfStepsToComeCanBeForgotten) {
  keep_ = 9;
  save_scored({50, 90});
  fs::remove_all(find_checkpoint(link()).folder());
  forget_scores_after(folder_.path(), 1);
  toy_.state.step = 1;
  save();  // of step 2 again: not scored yet
  EXPECT_EQ(best_step(), 1);
}

TEST_F(CheckpointScores, WhereTheBestIsGoneTheNextBestIs) {
  keep_ = 9;
  save_scored({50, 70, 60, 65});
  fs::remove_all(folder_.path() / fs::read_symlink(link()));
  save_scored({40});
  EXPECT_EQ(best_step(), 4);
}

TEST_F(CheckpointScores, ALostLinkIsMadeAgainAndItsCheckpointNeverGoes) {
  save_scored({50, 70});
  fs::remove(link());
  save();
  EXPECT_THAT(steps(), ElementsAre(3, 2));
  EXPECT_EQ(best_step(), 2);
}

TEST_F(CheckpointScores, WhereTheFileCannotBeReadNothingIsWrittenOverItAndTheLinkSaysWhatStays) {
  save_scored({50, 70});
  std::ofstream(folder_.path() / "scores.json") << "{torn";
  ::testing::internal::CaptureStderr();
  save_scored({90});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("scores.json"));
  EXPECT_EQ(read_file(folder_.path() / "scores.json"), "{torn");
  EXPECT_THAT(steps(), ElementsAre(3, 2));
  EXPECT_EQ(best_step(), 2);
}

TEST_F(CheckpointScores, OfOneStepsCheckpointsTheOneWrittenLastIsIt) {
  keep_ = 9;
  save_scored({70});
  const fs::path first = find_checkpoint(link()).folder();
  fs::last_write_time(first / "manifest.json",
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  const fs::path second = save_again();
  EXPECT_EQ(fs::read_symlink(link()), second.filename());
}

TEST_F(CheckpointScores, SomethingElseOfTheLinksNameIsAWarningAndStays) {
  fs::create_directories(link() / "mine");
  ::testing::internal::CaptureStderr();
  save_scored({50, 40});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("cannot link"));
  EXPECT_TRUE(fs::exists(link() / "mine"));
  EXPECT_THAT(steps(), ElementsAre(2, 1));
}

TEST_F(CheckpointScores, ThereAreNoneInAnEmptyFolder) {
  EXPECT_THAT(read_scores(folder_.path()), IsEmpty());
  EXPECT_TRUE(best_of(folder_.path(), {}).best.empty());
}

}  // namespace
}  // namespace larkspur::pipeline
