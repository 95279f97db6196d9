// SPDX-License-Identifier: Apache-2.0
// Runs one job (mpirun and its ranks) so that it ends when it should and leaves nothing behind.
//
//   INT, HUP, TERM, USR2 -> the job is asked to stop: USR2, or TERM where it has nothing to save;
//                            again every few seconds, as a starting mpirun drops signals
//   USR1 -> passed on        INT after that -> killed        grace over -> killed
//
// The job has a session of its own: a terminal's Ctrl-C or its closing reaches the supervisor only.
// It dies with the supervisor. Whatever is left of the session when the job has ended is killed.
#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace larkspur::launch {

struct SupervisorOptions {
  double grace_seconds = 120.0;  ///< from being asked to being killed, > 0
  double idle_seconds = 7.0;     ///< from the end of the last rank here to being killed, > 0
  int ask_signal = SIGUSR2;      ///< what asks the job to stop
  std::string rank_program;      ///< file that ranks run, or ran before it was replaced; empty:
                                 ///< idle_seconds does not count
};

/// How a job came to its end.
struct JobEnd {
  int code = 0;        ///< its exit code, or 128 + the signal it died of
  bool asked = false;  ///< it had been asked to stop
  std::string killed;  ///< why the supervisor killed it; empty: it ended by itself
};

/// What goes on beside waiting; called by run() in its own thread.
struct JobCallbacks {
  std::function<void(std::string_view lines)> words;  ///< what the job says on stderr
  std::function<void()> tick;                         ///< at least ten times a second
};

/// One at a time in a process, made before other threads: it takes the signals named above for the
/// whole process while it lives (those ignored before stay ignored, as nohup wants). Not
/// thread-safe; made, used and destroyed in the thread that lives longest.
class Supervisor {
 public:
  explicit Supervisor(const SupervisorOptions& options);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts `command` (a path and its arguments; stdin empty, stdout shared) and waits for its end.
  /// May be called again; a stop asked for between two calls counts for the second. Throws kIo when
  /// it cannot be started.
  JobEnd run(const std::vector<std::string>& command, const JobCallbacks& watch);

  /// Waits between two jobs. True once a stop is asked for, at once then.
  bool rest(double seconds) const;

 private:
  struct Job;

  void start(Job& job, const std::vector<std::string>& command) const;
  void take_signals(Job& job) const;
  void look_after(Job& job) const;
  void ask(Job& job) const;

  SupervisorOptions options_;
  sigset_t former_mask_{};
  int signals_ = -1;  ///< signalfd
};

}  // namespace larkspur::launch
