// SPDX-License-Identifier: Apache-2.0
// How far a piece of work is and how long it will take, for people: an evaluation, a check, a look
// through a list. What is done within two seconds says nothing.
//
//   [=====>              ] evaluated 4800/19881 samples  left 3:12
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "launch/supervise/progress_bar.h"

namespace larkspur::launch {

/// What people are told.
struct TaskOptions {
  std::string verb;  ///< what has been done to so many: "evaluated"
  std::string unit;  ///< "samples"
  Audience audience = Audience::kFile;
  double quiet_seconds = 2.0;            ///< nothing is said before
  double person_interval_seconds = 0.1;  ///< between redraws
  double file_interval_seconds = 30.0;   ///< between plain lines
};

/// Whether a person watches stderr. Not where ranks share it or `launch` hands it on; nor, with
/// `prints_lines`, where the results come to the same terminal line by line: a bar would stand
/// between them.
Audience audience_of_stderr(int ranks, bool prints_lines = false);

/// As ProgressBar: over its own line for a person, plain lines now and then for a file. One thread
/// at a time; the stream outlives it.
class TaskProgress {
 public:
  /// `seconds`: a clock that never goes back; its zero does not matter.
  TaskProgress(std::ostream& out, TaskOptions options, std::function<double()> seconds);

  /// With the machine's steady clock.
  TaskProgress(std::ostream& out, TaskOptions options);

  /// As wipe().
  ~TaskProgress();
  TaskProgress(const TaskProgress&) = delete;
  TaskProgress& operator=(const TaskProgress&) = delete;
  TaskProgress(TaskProgress&&) = delete;
  TaskProgress& operator=(TaskProgress&&) = delete;

  /// Takes a drawn line away: something else is about to be printed.
  void wipe();

  /// So many of `total` > 0 are done; all of them: wipes.
  void at(std::int64_t done, std::int64_t total);

 private:
  std::ostream& out_;
  TaskOptions options_;
  std::function<double()> seconds_;
  double began_;
  double drawn_ = 0.0;
  bool has_drawn_ = false;
};

}  // namespace larkspur::launch
