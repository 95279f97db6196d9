// SPDX-License-Identifier: Apache-2.0
// A communicator that says when the loop stands still for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/communicator.h"
#include "pipeline/phase_board.h"

namespace larkspur::pipeline {

/// Passes every call on; in RunPhase::kFacts meanwhile. Borrows both; the board may be null.
class PhasedCommunicator final : public Communicator {
 public:
  PhasedCommunicator(Communicator& communicator, PhaseBoard* board)
      : communicator_(communicator), board_(board) {}

  int rank() const override { return communicator_.rank(); }
  int size() const override { return communicator_.size(); }
  std::vector<std::string> all_gather(std::string_view mine) override {
    const PhaseScope phase(board_, RunPhase::kFacts);
    return communicator_.all_gather(mine);
  }

 private:
  Communicator& communicator_;
  PhaseBoard* board_;
};

}  // namespace larkspur::pipeline
