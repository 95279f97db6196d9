// SPDX-License-Identifier: Apache-2.0
// Every rank tells rank 0 once a second where it is, and rank 0 tells every rank: over TCP, because
// a call into MPI that is stuck says nothing.
//
//   rank 1 --beat--> rank 0 --beat--> rank 1        beat: step, phase, seconds in it
//   rank 2 --beat-->   |    --beat--> rank 2
//                    Judge: who is silent, or keeps the others waiting --> on_failure
//
// Rank 0 judges all ranks and itself, the others judge rank 0's silence. Rank 0 also warns, once,
// of a rank that holds the others up.
#pragma once

#include <functional>
#include <memory>

#include "pipeline/communicator.h"
#include "pipeline/error.h"
#include "pipeline/phase_board.h"

namespace larkspur::distributed {

struct StarOptions {
  double deadline_seconds = 60.0;  ///< > 0; of silence, and of waiting for one who is busy
  double period_seconds = 1.0;     ///< > 0; between beats

  /// Called once, by the watchdog's thread, with kCollective and the verdict's sentence.
  std::function<void(const pipeline::Error&)> on_failure;
};

/// While it lives, this rank beats and listens. Borrows the board, which must outlive it.
class BeatStar {
 public:
  /// Ranks find one another through `ranks`; one that cannot be reached within ten seconds is
  /// warned of and not watched. A collective call. With one rank there is nothing to watch.
  BeatStar(pipeline::Communicator& ranks,
           const pipeline::PhaseBoard& board,
           const StarOptions& options);

  /// Tells the others that this rank leaves, which is no fault; a connection that ends without
  /// that is silence.
  ~BeatStar();
  BeatStar(const BeatStar&) = delete;
  BeatStar& operator=(const BeatStar&) = delete;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace larkspur::distributed
