// SPDX-License-Identifier: Apache-2.0
// Who is at fault when a job of ranks does not go on: a pure function of what was heard of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/phase_board.h"

namespace larkspur::distributed {

/// What one rank knows of another, or of itself.
struct RankWatch {
  int rank = 0;
  std::string host;
  pipeline::PhaseReport last;   ///< last heard of it
  double silent_seconds = 0.0;  ///< since then
  bool is_unwatched = false;    ///< it has left, or was never reached: nothing is said of it
};

/// The sentence that names rank, host, step and phase, where one of them
///   * has been silent for longer than the deadline: stopped, or its host or link is gone;
///   * is busy with its own while another has waited longer than the deadline: the one busy for
///     the longest. A rank that takes its time while nobody waits that long is no fault.
std::optional<std::string> verdict(const std::vector<RankWatch>& ranks, double deadline_seconds);

/// How often a rank was found at what.
struct RankTime {
  int rank = 0;
  std::string host;
  int data = 0;
  int compute = 0;
  int waiting = 0;  ///< for others

  void count(pipeline::RunPhase phase);
};

/// The sentence that names the rank the others wait for, where one hardly ever waits and the others
/// do a good part of the time: no fault, but what the run could gain. Of too few looks none.
std::optional<std::string> straggler(const std::vector<RankTime>& ranks);

}  // namespace larkspur::distributed
