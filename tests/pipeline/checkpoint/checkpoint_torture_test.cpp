// SPDX-License-Identifier: Apache-2.0
// Disks that fail and processes that die at every call of a background save, and every kind of
// damage.
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/checkpoint/checkpoint_files.h"
#include "tests/support/disk_faults.h"
#include "tests/support/refusal.h"
#include "tests/support/saving_job.h"
#include "tests/support/temp_dir.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;
using ::larkspur::testing::DiskFault;
using ::larkspur::testing::SavingJob;
using ::larkspur::testing::TempDir;
using ::larkspur::testing::train_and_save;
using ::testing::HasSubstr;

constexpr std::int64_t kLastStep = 10;

SavingJob job_in(const fs::path& folder) { return {{folder, 2}, 2, 3, kLastStep}; }

/// Digest of the state after every step, from runs that nothing disturbs.
const std::map<std::int64_t, std::string>& digests() {
  static const auto known = [] {
    std::map<std::int64_t, std::string> found;
    const TempDir folder;
    for (std::int64_t step = 1; step <= kLastStep; ++step) {
      train_and_save({{folder.path(), 1}, 1, 100, step});
      found[step] = newest_checkpoint(folder.path())->digest();
    }
    return found;
  }();
  return known;
}

/// How a job ended that was run as a process of its own.
struct Ended {
  bool was_killed = false;
  std::string error;  ///< empty: none
};

Ended run_apart(const SavingJob& job, DiskFault fault, int at) {
  std::array<int, 2> words{};
  EXPECT_EQ(::pipe(words.data()), 0);
  testing::plan_disk_fault(fault, at, job.checkpoints.folder.string());
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    std::string text;
    try {
      train_and_save(job);
    } catch (const std::exception& error) {
      text = error.what();
    }
    if (::write(words[1], text.data(), text.size()) < 0) ::_exit(1);
    ::_exit(0);
  }
  testing::release_disk();
  ::close(words[1]);
  Ended ended;
  std::array<char, 1000> piece{};
  for (ssize_t size = 0; (size = ::read(words[0], piece.data(), piece.size())) > 0;) {
    ended.error.append(piece.data(), static_cast<std::size_t>(size));
  }
  ::close(words[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ended.was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  EXPECT_TRUE(ended.was_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
  return ended;
}

/// The newest whole one is that whose manifest was renamed last, and holds the bits of its step.
void expect_newest_is_good(const fs::path& folder) {
  const auto found = newest_checkpoint(folder);
  const std::string committed = testing::last_committed();
  ASSERT_EQ(found.has_value(), !committed.empty());
  if (!found) return;
  EXPECT_EQ(found->folder(), committed);
  EXPECT_EQ(found->digest(), digests().at(found->manifest().step));
}

/// At every `stride`-th call of the job until it is over; the number of faults.
int at_every_call(DiskFault fault, int stride, bool resumes) {
  int faults = 0;
  for (int at = 0;; at += stride) {
    const TempDir folder;
    const SavingJob job = job_in(folder.path());
    const Ended ended = run_apart(job, fault, at);
    if (testing::disk_calls() <= at) return faults;
    ++faults;
    SCOPED_TRACE(at);
    const bool dies = fault == DiskFault::kKill || fault == DiskFault::kPowerCut;
    EXPECT_EQ(ended.was_killed, dies);
    if (fault == DiskFault::kNoSpace || fault == DiskFault::kIoError) {
      EXPECT_TRUE(ended.error.empty() || ended.error.find(folder.path()) != std::string::npos)
          << ended.error;
    }
    if (fault == DiskFault::kShort) {
      EXPECT_EQ(ended.error, "");
    }
    expect_newest_is_good(folder.path());
    if (resumes && faults % 4 == 0) {
      train_and_save(job);
      EXPECT_EQ(newest_checkpoint(folder.path())->digest(), digests().at(kLastStep));
    }
    if (::testing::Test::HasFailure()) return faults;
  }
}

/// Of a job, far fewer than there are: a disk that nobody asks cannot fail.
constexpr int kFewestCalls = 70;

void torture(int stride) {
  (void)digests();
  int faults = 0;
  for (const DiskFault fault :
       {DiskFault::kKill, DiskFault::kPowerCut, DiskFault::kNoSpace, DiskFault::kIoError}) {
    SCOPED_TRACE(static_cast<int>(fault));
    const int injected = at_every_call(fault, stride, fault == DiskFault::kKill);
    EXPECT_GT(injected, kFewestCalls / stride);
    faults += injected;
  }
  const int injected = at_every_call(DiskFault::kShort, 10 * stride, false);
  EXPECT_GT(injected, kFewestCalls / (10 * stride));
  faults += injected;
  ::testing::Test::RecordProperty("faults", faults);
  std::cout << faults << " faults injected\n";
}

TEST(CheckpointTorture, LeavesTheNewestGoodOneWhateverTheDiskDoes) { torture(7); }

class SlowCheckpointTorture : public ::testing::TestWithParam<int> {};
TEST_P(SlowCheckpointTorture, AtEveryCall) { torture(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Slow, SlowCheckpointTorture, ::testing::Values(1));

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// A folder with two whole checkpoints of one job, and one of another job of the same step.
class DamagedCheckpoint : public ::testing::Test {
 protected:
  DamagedCheckpoint() {
    train_and_save({{folder_.path(), 9}, 2, 100, 4});
    train_and_save({{folder_.path(), 9}, 2, 100, 8});
    train_and_save({{other_.path(), 9}, 2, 100, 8});
    newest_ = list_checkpoints(folder_.path())[0].path;
    of_another_job_ = list_checkpoints(other_.path())[0].path;
    before_ = list_checkpoints(folder_.path())[1].path;
  }

  /// The older one is used, and the log names the newest. Where damage may be of no consequence, as
  /// to the line's end or the case of letters in manifest.crc, the newest may be used with its
  /// bits.
  void expect_refused(const std::string& what, bool may_be_harmless = false) {
    ++damages_;
    ::testing::internal::CaptureStderr();
    const auto found = newest_checkpoint(folder_.path());
    const std::string told = ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(found.has_value());
    if (may_be_harmless && found->folder() == newest_) {
      EXPECT_EQ(found->digest(), digests().at(8));
      return;
    }
    EXPECT_EQ(found->folder(), before_) << what;
    EXPECT_EQ(found->digest(), digests().at(4));
    EXPECT_THAT(told, HasSubstr("checkpoint refused: ")) << what;
    EXPECT_THAT(told, HasSubstr(newest_.filename().string())) << what;
  }

  /// Of one file of the newest, then it is as before.
  void damage(const std::string& name, const std::string& bytes, const std::string& what) {
    const std::string good = bytes_of(newest_ / name);
    if (bytes == good) return;
    put(newest_ / name, bytes);
    expect_refused(name + ": " + what, name == "manifest.crc");
    put(newest_ / name, good);
  }

  TempDir folder_;
  TempDir other_;
  fs::path newest_;
  fs::path before_;
  fs::path of_another_job_;
  int damages_ = 0;
};

constexpr std::array kShards{"shard-00000.safetensors", "shard-00001.safetensors"};

TEST_F(DamagedCheckpoint, BitsThatFlipAreSeenWhereverTheyAre) {
  for (const std::string name : {kShards[0], kShards[1], "manifest.json", "manifest.crc"}) {
    const std::string good = bytes_of(newest_ / name);
    for (std::size_t at = 0; at < good.size(); at += 1 + good.size() / 60) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
      damage(name, flipped, "flipped at " + std::to_string(at));
    }
  }
  EXPECT_GT(damages_, 150);
}

TEST_F(DamagedCheckpoint, FilesThatAreCutLongerOrEmptyAreSeen) {
  for (const std::string name : {kShards[0], kShards[1], "manifest.json", "manifest.crc"}) {
    const std::string good = bytes_of(newest_ / name);
    for (std::size_t size = 0; size < good.size(); size += 1 + good.size() / 20) {
      damage(name, good.substr(0, size), "cut to " + std::to_string(size));
      damage(name, good.substr(0, size) + std::string(good.size() - size, '\0'), "zeros behind");
    }
    if (name != "manifest.crc") damage(name, good + good, "twice");
  }
  EXPECT_GT(damages_, 100);
}

TEST_F(DamagedCheckpoint, FilesThatAreMissingSwappedOrOfAnotherSaveAreSeen) {
  const std::array good{bytes_of(newest_ / kShards[0]), bytes_of(newest_ / kShards[1])};
  for (const std::string name : {kShards[0], kShards[1], "manifest.crc"}) {
    fs::rename(newest_ / name, newest_ / "aside");
    expect_refused(name + " is missing");
    fs::rename(newest_ / "aside", newest_ / name);
  }
  put(newest_ / kShards[0], good[1]);
  put(newest_ / kShards[1], good[0]);
  expect_refused("shards are swapped");
  put(newest_ / kShards[0], good[0]);
  expect_refused("one shard twice");
  put(newest_ / kShards[1], good[1]);
  for (const std::string name : {kShards[0], kShards[1], "manifest.json", "manifest.crc"}) {
    damage(name, bytes_of(before_ / name), "of an earlier step");
  }
  for (const char* name : kShards) {  // the same bits, wherever they come from
    put(newest_ / name, bytes_of(of_another_job_ / name));
  }
  EXPECT_EQ(newest_checkpoint(folder_.path())->digest(), digests().at(8));
}

}  // namespace
}  // namespace larkspur::pipeline
