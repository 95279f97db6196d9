// SPDX-License-Identifier: Apache-2.0
// The flag of eval, predict and export that chooses among a checkpoint's weights.
#pragma once

#include "launch/verbs/command_line.h"
#include "pipeline/checkpoint/checkpoint.h"

namespace larkspur::launch {

inline void averaged_flag(CommandLine& line, bool& averaged) {
  line.flag("--averaged",
            "the weights averaged over updates, of a run with train.average_decay, instead of the "
            "last ones",
            averaged);
}

inline pipeline::WeightSet weight_set(bool averaged) {
  return averaged ? pipeline::WeightSet::kAverage : pipeline::WeightSet::kLast;
}

}  // namespace larkspur::launch
