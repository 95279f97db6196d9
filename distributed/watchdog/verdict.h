// SPDX-License-Identifier: Apache-2.0
// Who is at fault when a job of ranks does not go on, by what was heard of them alone.
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

/// A rank that has waited for others longer than the deadline, and one that holds it up.
struct HeldUp {
  RankWatch waiting;
  RankWatch busy;
};

/// Looks at the ranks once a period. Gives the sentence that names rank, host, step and phase,
/// where one of them
///   * has been silent for longer than the deadline: stopped, or its host or link is gone;
///   * is busy with its own while another has waited longer than the deadline, both of them in one
///     and the same phase at three looks in a row and by newer beats than at the first. It must
///     have been busy for about the deadline itself, in no later step: who has just come out of a
///     long exchange holds nobody up, though the others' last beats still say that they wait.
/// A rank that takes its time while nobody waits that long is no fault.
class Judge {
 public:
  Judge(double deadline_seconds, double period_seconds)
      : deadline_seconds_(deadline_seconds), period_seconds_(period_seconds) {}

  std::optional<std::string> look(const std::vector<RankWatch>& ranks);

 private:
  double deadline_seconds_;
  double period_seconds_;
  std::optional<HeldUp> first_;  ///< as found at the first of the looks in a row
  int looks_ = 0;
};

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
