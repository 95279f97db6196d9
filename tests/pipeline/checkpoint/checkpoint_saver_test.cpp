// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_saver.h"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "pipeline/checkpoint/checkpoint_writer.h"
#include "tests/support/disk_faults.h"
#include "tests/support/refusal.h"
#include "tests/support/saving_job.h"
#include "tests/support/temp_dir.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::DiskFault;
using ::larkspur::testing::error_of;
using ::larkspur::testing::plan_disk_fault;
using ::larkspur::testing::release_disk;
using ::larkspur::testing::SavingJob;
using ::larkspur::testing::TempDir;
using ::larkspur::testing::train_and_save;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Steps of the whole checkpoints in a folder, oldest first.
std::vector<std::int64_t> steps_in(const std::filesystem::path& folder) {
  std::vector<std::int64_t> steps;
  for (const CheckpointFolder& found : list_checkpoints(folder)) {
    if (found.complete) steps.insert(steps.begin(), found.step);
  }
  return steps;
}

/// Lets the disk go on once a step is reported.
class ReleaseAt : public MetricSink {
 public:
  explicit ReleaseAt(std::int64_t step) : step_(step) {}
  void step(const StepMetrics& metrics) override {
    if (metrics.step == step_) release_disk();
  }

 private:
  std::int64_t step_;
};

TEST(CheckpointSaver, ASlowDiskDelaysSavesAndNoStep) {
  const TempDir folder;
  ReleaseAt release(8);  // steps 2 to 8 happen while the save of step 1 is held
  plan_disk_fault(DiskFault::kHold, 0, "/shard-");
  train_and_save({{folder.path(), 400}, 2, 1, 400, &release});  // all of them are kept
  const std::vector<std::int64_t> steps = steps_in(folder.path());
  ASSERT_GE(steps.size(), 3U);
  EXPECT_EQ(steps[0], 1);
  EXPECT_GE(steps[1], 9);  // the one that was due at 2 began when the first was over
  EXPECT_EQ(steps.back(), 400);
}

TEST(CheckpointSaver, AFailureOfOneRankEndsAllByNameAndKeepsWhatWasThere) {
  const TempDir folder;
  train_and_save({{folder.path(), 3}, 2, 3, 3});
  plan_disk_fault(DiskFault::kIoError, 0, "/shard-00001");
  const Error error = error_of([&] { train_and_save({{folder.path(), 3}, 2, 3, 100}); });
  release_disk();
  EXPECT_EQ(error.code(), Errc::kIo);
  EXPECT_THAT(error.what(), HasSubstr("rank 1: cannot write " + folder.path().string()));
  EXPECT_THAT(error.what(), HasSubstr("shard-00001.safetensors: Input/output error"));
  EXPECT_THAT(steps_in(folder.path()), ElementsAre(3));
}

TEST(CheckpointSaver, ADiskThatNeverAnswersEndsAllAfterTheDeadlineOfASave) {
  const TempDir folder;
  CheckpointOptions options{folder.path(), 3};
  options.deadline_seconds = 0.2;
  plan_disk_fault(DiskFault::kHold, 0, "/shard-00001");
  std::thread later([] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    release_disk();
  });
  const Error error = error_of([&] { train_and_save({options, 2, 3, 3}); });
  later.join();
  EXPECT_EQ(error.code(), Errc::kIo);
  EXPECT_THAT(error.what(), HasSubstr("rank 1: "));
  EXPECT_THAT(error.what(), HasSubstr("shard-00001.safetensors is not on the disk after 0.2 s"));
}

/// One rank's saver whose shard is on the disk while its step goes on.
class SlowStep : public ::testing::Test {
 protected:
  SlowStep()
      : saver_(
            options(),
            {},
            [this](StateSnapshot before) { return take_snapshot(toy_.state, std::move(before)); },
            toy_.communicator) {}
  ~SlowStep() override { release_disk(); }

  CheckpointOptions options() const {
    CheckpointOptions chosen{folder_.path(), 1};
    chosen.deadline_seconds = kDeadline;
    return chosen;
  }
  /// Saves the next step, as far as the shard.
  void write_shard() {
    ++toy_.state.step;
    saver_.begin();
    for (told_.clear(); told_.empty(); told_ = saver_.tell()) saver_.pause();
  }
  static void pass_deadline() {
    std::this_thread::sleep_for(std::chrono::duration<double>(1.5 * kDeadline));
  }

  static constexpr double kDeadline = 0.4;
  TempDir folder_;
  testing::ToyRun toy_;
  CheckpointSaver saver_;
  std::string told_;
};

TEST_F(SlowStep, IsNoFaultOfTheDisk) {
  write_shard();
  plan_disk_fault(DiskFault::kHold, 0, "/manifest");
  pass_deadline();
  saver_.hear({told_});
  EXPECT_EQ(saver_.tell(), "");
  pass_deadline();
  EXPECT_THAT(saver_.tell(), HasSubstr("manifest.json is not on the disk after 0.4 s"));
}

TEST_F(SlowStep, ASaveIsNotLateThatRemovesOlderOnesForLong) {
  write_shard();
  saver_.hear({told_});
  finish_save(saver_, toy_.communicator);
  const std::string older = saver_.folder().string();
  write_shard();
  plan_disk_fault(DiskFault::kHold, 0, older);
  saver_.hear({told_});
  pass_deadline();
  EXPECT_EQ(saver_.tell(), "");
  EXPECT_EQ(newest_checkpoint(folder_.path())->manifest().step, 2);
  release_disk();
  finish_save(saver_, toy_.communicator);
  EXPECT_FALSE(std::filesystem::exists(older));
}

TEST(RemoveOlder, LeavesAllAndWarnsWhereTheFolderCannotBeListed) {
  const TempDir folder;
  for (const std::int64_t step : {1, 2, 3}) train_and_save({{folder.path(), 9}, 1, 100, step});
  for (const int at : {0, 2}) {  // when it is opened, and on the way
    const std::filesystem::path newest = list_checkpoints(folder.path()).front().path;
    ::testing::internal::CaptureStderr();
    plan_disk_fault(DiskFault::kIoError, at, folder.path().string());
    remove_older({folder.path(), 1}, newest, 3);
    release_disk();
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                HasSubstr("older checkpoints stay: cannot list " + folder.path().string() +
                          ": Input/output error"));
    EXPECT_THAT(steps_in(folder.path()), ElementsAre(1, 2, 3));
  }
}

std::vector<std::int64_t> gone_of(const CheckpointOptions& options,
                                  const std::vector<std::int64_t>& steps) {
  std::vector<CheckpointFolder> folders;
  for (const std::int64_t step : steps) {
    folders.push_back({"run/" + new_checkpoint_name(step, 1), step, step % 2 == 0});
  }
  std::vector<std::int64_t> gone;
  for (const auto& path : superseded(options, folders, folders.front().path, steps.front())) {
    for (const CheckpointFolder& found : folders) {
      if (found.path == path) gone.push_back(found.step);
    }
  }
  return gone;
}

TEST(CheckpointSaver, KeepsTheNewestAndTheFirstOfEveryPeriod) {
  const std::vector<std::int64_t> steps{
      130, 121, 120, 110, 102, 98, 54, 50, 40};  // odd: interrupted
  EXPECT_THAT(gone_of({"run", 1}, steps), ElementsAre(121, 120, 110, 102, 98, 54, 50, 40));
  EXPECT_THAT(gone_of({"run", 3}, steps), ElementsAre(121, 102, 98, 54, 50, 40));
  EXPECT_THAT(gone_of({"run", 2, 50}, steps), ElementsAre(121, 110, 98, 54, 40));
}

}  // namespace
}  // namespace larkspur::pipeline
