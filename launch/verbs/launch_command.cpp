// SPDX-License-Identifier: Apache-2.0
// `launch`: one mpirun after another until the job is done, with its progress drawn here.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include <unistd.h>

#include "distributed/transport/rank_env.h"
#include "launch/config/config_file.h"
#include "launch/supervise/metrics_tail.h"
#include "launch/supervise/mpirun_call.h"
#include "launch/supervise/mpirun_notices.h"
#include "launch/supervise/progress_bar.h"
#include "launch/supervise/supervisor.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/eval_request.h"
#include "launch/verbs/train_job.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::require_within;
using pipeline::text_of;

struct LaunchRequest {
  std::int64_t ranks = 0;
  std::string hostfile;
  std::int64_t max_restarts = 0;
  std::int64_t grace_seconds = 120;
  std::vector<std::string> words;  ///< the verb to run and its arguments

  bool trains() const { return words.front() == "train"; }
};

/// What a person sees on stderr: the job's words as they are, and the progress below them.
class Display {
 public:
  explicit Display(const fs::path& metrics) : tail_(metrics) {}

  void words(std::string_view lines) { show(notices_.pass(lines)); }

  /// The host that the job has lost; empty: none.
  std::string end_job() {
    show(notices_.rest());
    make_room();
    return std::exchange(notices_, {}).lost_host();
  }

  void make_room() {
    if (bar_) bar_->make_room();
  }

  void draw() {
    for (const MetricsLine& line : tail_.poll()) {
      if (const auto* start = std::get_if<RunStart>(&line)) {
        begin(*start);
      } else if (bar_) {
        bar_->step(std::get<pipeline::StepMetrics>(line));
      }
    }
    std::cerr.clear();
  }

 private:
  void show(const std::string& lines) {
    if (lines.empty()) return;
    make_room();
    std::cerr << lines << std::flush;
    std::cerr.clear();  // a terminal that was closed takes no words; the job goes on
  }

  void begin(const RunStart& start) {
    bar_.reset();
    if (start.total_steps <= 0) return;
    ProgressOptions options;
    options.total_steps = start.total_steps;
    options.audience = ::isatty(STDERR_FILENO) == 1 ? Audience::kPerson : Audience::kFile;
    bar_.emplace(std::cerr, options);
    if (start.first_step <= start.total_steps) bar_->wait_for_first(start.first_step - 1);
  }

  MpirunNotices notices_;
  MetricsTail tail_;
  std::optional<ProgressBar> bar_;
};

/// The words behind "--" are the job's; they leave the call's own arguments.
std::vector<std::string> take_job_words(Invocation& call) {
  const auto split = std::find(call.arguments.begin(), call.arguments.end(), "--");
  if (split == call.arguments.end()) return {};
  std::vector<std::string> words(split + 1, call.arguments.end());
  call.arguments.erase(split, call.arguments.end());
  return words;
}

void check_request(const LaunchRequest& request) {
  constexpr std::int64_t most = 65536;
  require_within("-n", request.ranks, 1, most);
  require(request.max_restarts >= 0,
          Errc::kInvalidArgument,
          "--max-restarts is ",
          request.max_restarts,
          ", not >= 0");
  require(request.grace_seconds >= 1,
          Errc::kInvalidArgument,
          "--grace is ",
          request.grace_seconds,
          ", not >= 1");
  require(request.words.size() >= 2 && (request.trains() || request.words.front() == "eval"),
          Errc::kInvalidArgument,
          "expected '-- train CONFIG ...' or '-- eval ...' after the options; see "
          "'larkspur launch --help'");
  std::error_code error;
  require(request.hostfile.empty() || fs::exists(request.hostfile, error),
          Errc::kNotFound,
          "--hostfile ",
          request.hostfile,
          " is not there");
  require(!distributed::read_rank_env().launched,
          Errc::kInvalidArgument,
          "launch starts mpirun itself: run it without mpirun or srun around it");
}

/// The job's configuration, checked here so that a mistake is said once and at once.
RunConfig configuration_for(const LaunchRequest& request, Invocation& call) {
  const std::vector<std::string> words(request.words.begin() + 1, request.words.end());
  if (request.trains()) {
    Invocation train{"larkspur train", words, call.out};
    TrainRequest asked;
    require(read_train_request(train, asked),
            Errc::kInvalidArgument,
            "launch starts trainings; ask 'larkspur train --help' itself");
    return load_config(asked.file, asked.overrides).config;
  }
  Invocation eval{"larkspur eval", words, call.out};
  EvalRequest asked;
  require(read_eval_request(eval, asked) && asked.explain.empty(),
          Errc::kInvalidArgument,
          "launch starts evaluations; ask 'larkspur eval' itself for help and --explain");
  if (asked.has_config()) return config_of_file(asked).config;
  call.phase = Phase::kCheckpoint;
  const RunConfig config = config_of_run(asked, pipeline::find_checkpoint(asked.checkpoint)).config;
  call.phase = Phase::kStart;
  return config;
}

std::vector<std::string> command_of(const LaunchRequest& request, const RunConfig& config) {
  const char* path = std::getenv("PATH");
  MpirunCall call;
  call.mpirun = find_program("mpirun", path == nullptr ? "" : path);
  require(!call.mpirun.empty(),
          Errc::kNotFound,
          "no mpirun on PATH: install OpenMPI (launch/setup does), or train without launch");
  call.ranks = static_cast<int>(request.ranks);
  call.hostfile = request.hostfile;
  call.threads = config.train.threads;
  call.as_root = ::geteuid() == 0;
  call.passed_on = gpu_variables(environ);
  call.program = fs::read_symlink("/proc/self/exe").string();
  call.words = request.words;
  return mpirun_words(call);
}

/// What the shell learns of a job that is not started again.
int code_of(const JobEnd& end, bool trains) {
  if (!end.killed.empty()) return kExitDevice;
  if (is_own_code(end.code)) return end.code;
  // Asked before the ranks listened, they had nothing to save; eval never has.
  const bool nothing_to_save = !trains || end.code == 128 + SIGUSR2;
  return end.asked && nothing_to_save ? kExitStopped : kExitDevice;
}

/// Starts the job, and again after faults as often as allowed. Returns the code for the shell.
int run_job(const LaunchRequest& request, const RunConfig& config) {
  const std::vector<std::string> command = command_of(request, config);
  SupervisorOptions options;
  options.grace_seconds = static_cast<double>(request.grace_seconds);
  options.idle_seconds = std::min(options.idle_seconds, options.grace_seconds);
  options.ask_signal = request.trains() ? SIGUSR2 : SIGTERM;
  options.rank_program = fs::read_symlink("/proc/self/exe").string();
  Supervisor supervisor(options);
  Display display(fs::path(config.output) / "metrics.jsonl");
  const JobCallbacks watch{[&](std::string_view lines) { display.words(lines); },
                           [&] { display.draw(); }};
  for (std::int64_t restarts = 0;; ++restarts) {
    const JobEnd end = supervisor.run(command, watch);
    const std::string story = story_of(end, display.end_job());
    const int code = code_of(end, request.trains());
    if (!is_fault(code)) {
      if (!is_own_code(end.code))
        pipeline::log_info("stopped on request before there was anything to save");
      return code;
    }
    if (end.asked || restarts == request.max_restarts) {
      pipeline::log_warn(text_of(story, " after ", restarts, " restarts"));
      return code;
    }
    pipeline::log_warn(text_of(story,
                               "; restart ",
                               restarts + 1,
                               " of ",
                               request.max_restarts,
                               request.trains() ? " from the newest whole checkpoint" : ""));
  }
}

}  // namespace

void run_launch(Invocation& call) {
  LaunchRequest request;
  request.words = take_job_words(call);
  CommandLine line(
      call,
      "Starts train or eval under mpirun and looks after it. Ctrl-C, TERM and a closed "
      "terminal end in a checkpoint; a second Ctrl-C kills.",
      "-n 2 -- train configs/demo/cloud.yaml train.epochs=3");
  line.required_option("-n", "ranks", request.ranks);
  line.option("--hostfile", "hosts and their slots, as mpirun takes them", request.hostfile);
  line.option("--max-restarts", "starts after a fault", request.max_restarts);
  line.option("--grace", "seconds from a request to stop to a kill", request.grace_seconds);
  if (!line.parse()) return;
  check_request(request);
  pipeline::configure_log(0, 1, /*debug=*/false);
  call.code = run_job(request, configuration_for(request, call));
}

}  // namespace larkspur::launch
