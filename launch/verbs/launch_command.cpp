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
#include "launch/supervise/restart_plan.h"
#include "launch/supervise/supervisor.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/eval_request.h"
#include "launch/verbs/train_job.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"

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
  std::int64_t min_ranks = 0;
  std::int64_t grace_seconds = 120;
  std::vector<std::string> words;  ///< the verb to run and its arguments

  bool trains() const { return words.front() == "train"; }
};

/// What a person sees on stderr: the job's words as they are, and the progress below them.
class Display {
 public:
  explicit Display(const fs::path& metrics) : tail_(metrics) {}

  void words(std::string_view lines) { show(notices_.pass(lines)); }

  /// What mpirun and the ranks said of hosts.
  MpirunNotices end_job() {
    show(notices_.rest());
    make_room();
    return std::exchange(notices_, {});
  }

  void make_room() {
    if (bar_) bar_->make_room();
  }

  std::int64_t highest_step() const { return highest_step_; }

  void draw() {
    for (const MetricsLine& line : tail_.poll()) {
      if (const auto* start = std::get_if<RunStart>(&line)) {
        begin(*start);
      } else if (const auto* metrics = std::get_if<pipeline::StepMetrics>(&line)) {
        highest_step_ = std::max(highest_step_, metrics->step);
        if (bar_) bar_->step(*metrics);
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
  std::int64_t highest_step_ = 0;  ///< of all starts that it has seen
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
  require(request.min_ranks >= 0 && request.min_ranks <= request.ranks &&
              (request.min_ranks == 0 || request.max_restarts > 0),
          Errc::kInvalidArgument,
          "--min-ranks is ",
          request.min_ranks,
          ": it takes a number up to that of -n, and --max-restarts");
  require(request.min_ranks == 0 || !request.hostfile.empty(),
          Errc::kInvalidArgument,
          "--min-ranks is ",
          request.min_ranks,
          ", but no --hostfile says which hosts are left without the one that went");
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

MpirunCall call_of(const LaunchRequest& request, const RunConfig& config) {
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
  return call;
}

/// What the shell learns of a job that is not started again.
int code_of(const JobEnd& end, bool trains) {
  if (!end.killed.empty()) return kExitDevice;
  if (is_own_code(end.code)) return end.code;
  // Asked before the ranks listened, they had nothing to save; eval never has.
  const bool nothing_to_save = !trains || end.code == 128 + SIGUSR2;
  return end.asked && nothing_to_save ? kExitStopped : kExitDevice;
}

RestartPlan plan_of(const LaunchRequest& request) {
  std::vector<HostSlots> hosts;
  if (request.min_ranks > 0) {
    std::error_code error;
    require(fs::is_regular_file(request.hostfile, error),
            Errc::kInvalidArgument,
            "--hostfile ",
            request.hostfile,
            " is no regular file, and --min-ranks reads it beside mpirun: write it to one");
    hosts = hosts_in(pipeline::read_file(request.hostfile), request.hostfile);
  }
  return {{static_cast<int>(request.ranks),
           static_cast<int>(request.min_ranks),
           request.max_restarts,
           request.trains()},
          hosts};
}

/// mpirun itself may hang when a link is cut; the ranks have said which host is silent.
std::string gone_host(const JobEnd& end, const MpirunNotices& notices) {
  if (!notices.lost_host().empty()) return notices.lost_host();
  return end.killed.empty() ? std::string() : notices.silent_host();
}

/// The call that starts the job again, on the hosts that are left.
void turn_to(const NextStart& next,
             const RestartPlan& plan,
             const fs::path& output,
             MpirunCall& call) {
  if (!next.on_fewer_hosts) return;
  call.ranks = next.ranks;
  call.hostfile = (output / "hosts_left").string();
  std::error_code error;  // where there is no folder, writing says so
  fs::create_directories(output, error);
  pipeline::write_and_rename(call.hostfile, hostfile_text(plan.hosts()));
}

/// What people learn of a fault, before anything else can go wrong.
void say_fault(const LaunchRequest& request,
               const std::string& story,
               const NextStart& next,
               std::int64_t restarts,
               const std::string& host) {
  pipeline::log_warn(
      next.gives_up
          ? text_of(story, " ", next.why)
          : text_of(story,
                    "; restart ",
                    restarts,
                    " of ",
                    request.max_restarts,
                    request.trains() ? " from the newest whole checkpoint" : "",
                    " on ",
                    next.ranks,
                    " ranks",
                    next.wait_seconds > 0 ? text_of(" in ", next.wait_seconds, " s") : ""));
  if (!next.is_unlisted) return;
  pipeline::log_warn(text_of("host ",
                             host,
                             " is not a line of ",
                             request.hostfile,
                             ", nothing is left out: call it there as it is called here"));
}

/// Starts the job, and again after faults as often as allowed. Returns the code for the shell.
int run_job(const LaunchRequest& request, const RunConfig& config) {
  MpirunCall command = call_of(request, config);
  RestartPlan plan = plan_of(request);
  SupervisorOptions options;
  options.grace_seconds = static_cast<double>(request.grace_seconds);
  options.idle_seconds = std::min(options.idle_seconds, options.grace_seconds);
  options.ask_signal = request.trains() ? SIGUSR2 : SIGTERM;
  options.rank_program = fs::read_symlink("/proc/self/exe").string();
  Supervisor supervisor(options);
  Display display(fs::path(config.output) / "metrics.jsonl");
  const JobCallbacks watch{[&](std::string_view lines) { display.words(lines); },
                           [&] { display.draw(); }};
  for (;;) {
    const JobEnd end = supervisor.run(mpirun_words(command), watch);
    const MpirunNotices notices = display.end_job();
    const std::string story = story_of(end, notices.lost_host());
    const int code = code_of(end, request.trains());
    if (!is_fault(code)) {
      if (!is_own_code(end.code))
        pipeline::log_info("stopped on request before there was anything to save");
      return code;
    }
    if (end.asked) {
      pipeline::log_warn(text_of(story, " after ", plan.restarts(), " restarts"));
      return code;
    }
    const std::string host = gone_host(end, notices);
    const NextStart next = plan.after_fault(display.highest_step(), host);
    say_fault(request, story, next, plan.restarts(), host);
    if (next.gives_up) return code;
    turn_to(next, plan, config.output, command);
    if (supervisor.rest(next.wait_seconds)) {
      pipeline::log_info("stopped on request between two starts");
      return kExitStopped;
    }
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
  line.option("--max-restarts",
              "starts after a fault; three in a row without a new step end a training",
              request.max_restarts);
  line.option("--min-ranks",
              "after the loss of a host start again without it, on so many ranks at least; "
              "every line of --hostfile needs slots=N",
              request.min_ranks);
  line.option("--grace", "seconds from a request to stop to a kill", request.grace_seconds);
  if (!line.parse()) return;
  check_request(request);
  pipeline::configure_log(0, 1, /*debug=*/false);
  call.code = run_job(request, configuration_for(request, call));
}

}  // namespace larkspur::launch
