// SPDX-License-Identifier: Apache-2.0
// Rounds of numbers between all lanes of the job, in the middle of a forward or backward pass.
//
//   rank 0 (lanes 0 1)   all_gather(0) all_gather(1) ... all_gather(n) finish()
//   rank 1 (no sample)   finish()                                 takes part in all of these
//   rank 2 (lane 3)      all_gather(0) all_gather(1) ... all_gather(n) finish()
//
// Every round is one all_gather that every rank makes, so nobody has to know beforehand how many
// there will be, and a rank that fails says so instead of leaving the others to wait.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/communicator.h"

namespace larkspur::pipeline {

/// One thread at a time. Borrows the communicator.
class LaneRounds {
 public:
  /// A row of numbers from each lane that has any, in lane order.
  using Rows = std::vector<std::vector<double>>;

  explicit LaneRounds(Communicator& communicator) : communicator_(communicator) {}

  /// The rows of all ranks' lanes, given this rank's (at least one). `number` >= 0 says which round
  /// this is. Throws kCollective when a rank is at another one, has failed or is lost.
  Rows all_gather(int number, const Rows& mine);

  /// Has nothing more to share; takes part in rounds until no rank has. Throws likewise.
  void finish();

  /// Tells the others, who wait in a round, why this rank goes no further. Their call throws. No-op
  /// after a round has thrown: they know, or cannot be reached.
  void fail(std::string_view why) noexcept;

  /// The lowest rank that shared rows since the last call of begin(), or 0 where none did, once
  /// finish() has returned: who speaks of what all know.
  int reporter() const { return first_ < 0 ? 0 : first_; }
  void begin() { first_ = -1; }

 private:
  Rows round(int number, std::string_view body, bool& over);

  Communicator& communicator_;
  int first_ = -1;
  bool broken_ = false;
};

}  // namespace larkspur::pipeline
