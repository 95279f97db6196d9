// SPDX-License-Identifier: Apache-2.0
// Kills trainings at random moments on n ranks, goes on with them on m, and expects the bits of an
// unbroken run: every pair of ranks, many times.
//
//   kill_soak [TRIALS A PAIR [RANKS, as in 1,2,3 [SEED]]]
//
// A job is a forked process with a thread a rank: the engine, the exchange and the checkpoints of
// real jobs, a toy network. It dies of SIGKILL, at a random moment or before a random call to the
// disk. soak.py does the same to the program under mpirun, some hundred times slower.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/log.h"
#include "tests/support/disk_faults.h"
#include "tests/support/saving_job.h"
#include "tests/support/temp_dir.h"

namespace {

using larkspur::testing::DiskFault;
using larkspur::testing::plan_disk_fault;
using larkspur::testing::release_disk;
using larkspur::testing::SavingJob;
using larkspur::testing::TempDir;
using larkspur::testing::ToyRun;
using larkspur::testing::train_and_save;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kInputs = 1024;  // so that weights are four chunks in two buckets
constexpr std::int64_t kLastStep = 10;
constexpr unsigned kLongest = 60;  // seconds of a job

struct Setting {
  const char* name;
  std::function<void(SavingJob& job, ToyRun& run)> apply;
};

/// Each with what must be in a checkpoint, or follow from the step, for the bits to be the same.
const std::vector<Setting>& settings() {
  namespace p = larkspur::pipeline;
  static const std::vector<Setting> all{
      {"plain", [](SavingJob&, ToyRun&) {}},
      {"clipping", [](SavingJob& job, ToyRun&) { job.optimizer.clip_norm = 0.1; }},
      {"average", [](SavingJob& job, ToyRun&) { job.average_decay = 0.9; }},
      {"mixup", [](SavingJob&, ToyRun& run) { run.options.mix.mixup = 0.8; }},
      {"two views a sample", [](SavingJob&, ToyRun& run) { run.options.repeats = 2; }},
      {"synchronised",
       [](SavingJob&, ToyRun& run) { run.options.batch_norm = p::NormScope::kSynchronised; }},
      {"precise", [](SavingJob&, ToyRun& run) { run.options.precise_norm_samples = 16; }},
      {"float16 overflows",
       [](SavingJob& job, ToyRun& run) {
         run.options.precision = p::Precision::kFloat16;
         job.gradient_limit = 2000.0;
       }},
      {"bfloat16",
       [](SavingJob&, ToyRun& run) { run.options.precision = p::Precision::kBFloat16; }},
      {"unreadable samples",
       [](SavingJob&, ToyRun& run) {
         for (const int id : {3, 17, 18, 29}) run.source.spoil(id, p::Errc::kCorruptData);
       }},
      {"all of it",
       [](SavingJob& job, ToyRun& run) {
         job.optimizer.clip_norm = 0.1;
         job.average_decay = 0.9;
         run.options.mix.mixup = 0.8;
         run.options.batch_norm = p::NormScope::kSynchronised;
         run.options.precise_norm_samples = 16;
         run.source.spoil(17, p::Errc::kCorruptData);
       }},
  };
  return all;
}

SavingJob job_of(const Setting& setting, const TempDir& folder, int ranks) {
  SavingJob job{{folder.path(), 2}, ranks, 2, kLastStep};
  job.inputs = kInputs;
  ToyRun ignored;
  setting.apply(job, ignored);
  job.tune = [&setting](ToyRun& run) {
    SavingJob of_the_job;
    run.options.lanes = 8;
    run.options.global_batch = 16;
    setting.apply(of_the_job, run);
  };
  return job;
}

/// In a process of its own.
pid_t start(const SavingJob& job) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(kLongest);
  at::set_num_threads(1);  // here, not in the ranks: LibTorch sets its pool right after a fork
  try {
    train_and_save(job);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kill_soak: %s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

/// Its status, as waitpid() gives it.
int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

std::string digest_of(const TempDir& folder) {
  return larkspur::pipeline::find_checkpoint(folder.path()).digest();
}

/// What an unbroken run of a setting on so many ranks ends with, how long it takes and how often
/// it calls the disk.
struct Unbroken {
  std::string digest;
  double seconds;
  int disk_calls;
};

Unbroken run_unbroken(const Setting& setting, int ranks) {
  const TempDir folder;
  plan_disk_fault(DiskFault::kNone, 0, folder.path().string());
  const auto began = Clock::now();
  const int status = wait_for(start(job_of(setting, folder, ranks)));
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  if (status != 0) throw std::runtime_error("an unbroken run has failed");
  return {digest_of(folder), seconds, larkspur::testing::disk_calls()};
}

using Random = std::mt19937_64;

double uniform(Random& random, double below) {
  return std::uniform_real_distribution<>(0.0, below)(random);
}

/// Whether it died before it was over.
bool kill_at_random(const Setting& setting,
                    const TempDir& folder,
                    int ranks,
                    const Unbroken& whole,
                    Random& random) {
  const bool at_the_disk = random() % 2 == 0;
  const int call = static_cast<int>(uniform(random, whole.disk_calls));
  plan_disk_fault(at_the_disk ? DiskFault::kKill : DiskFault::kNone, call, folder.path().string());
  const pid_t child = start(job_of(setting, folder, ranks));
  if (!at_the_disk) {
    ::usleep(static_cast<useconds_t>(1e6 * uniform(random, whole.seconds)));
    ::kill(child, SIGKILL);
  }
  const int status = wait_for(child);
  release_disk();
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  if (status != 0) throw std::runtime_error("a run to be killed has failed or not ended");
  return false;
}

std::vector<int> numbers_of(const std::string& text) {
  std::vector<int> numbers;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) numbers.push_back(std::stoi(word));
  return numbers;
}

using References = std::map<std::pair<const Setting*, int>, Unbroken>;

/// Nothing where ranks differ, which is said.
References references(const std::vector<int>& ranks) {
  References found;
  for (const Setting& setting : settings()) {
    for (const int n : ranks) found[{&setting, n}] = run_unbroken(setting, n);
    const std::string& digest = found[{&setting, ranks.front()}].digest;
    std::printf("%s: %s\n", setting.name, digest.c_str());
    for (const int n : ranks) {
      if (found[{&setting, n}].digest == digest) continue;
      std::printf("  on %d ranks: %s\n", n, found[{&setting, n}].digest.c_str());
      return {};
    }
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const int trials = argc > 1 ? std::atoi(argv[1]) : 200;
  const std::vector<int> ranks = numbers_of(argc > 2 ? argv[2] : "1,2,3,4,5,6,8");
  const std::uint64_t seed = argc > 3 ? std::stoull(argv[3]) : std::random_device{}();
  at::set_num_threads(1);
  larkspur::pipeline::configure_log(1, 2, false);  // whose lines on epochs nobody reads
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const References unbroken = references(ranks);
  if (unbroken.empty()) return 1;
  Random random(seed);
  int resumes = 0;
  int deaths = 0;
  for (const int n : ranks) {
    for (const int m : ranks) {
      for (int trial = 0; trial < trials; ++trial) {
        const Setting& setting = settings()[random() % settings().size()];
        const TempDir folder;
        if (kill_at_random(setting, folder, n, unbroken.at({&setting, n}), random)) ++deaths;
        const int status = wait_for(start(job_of(setting, folder, m)));
        ++resumes;
        if (status == 0 && digest_of(folder) == unbroken.at({&setting, n}).digest) continue;
        std::printf("%d -> %d, trial %d, %s: other bits, or none\n", n, m, trial, setting.name);
        return 1;
      }
      std::printf("%d -> %d: %d identical\n", n, m, trials);
    }
  }
  std::printf("%d trials, %d of them killed before the end: all identical\n", resumes, deaths);
  return deaths > 0 ? 0 : 1;
}
