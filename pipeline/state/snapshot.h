// SPDX-License-Identifier: Apache-2.0
// What one rank writes of a state, copied: training may go on while it is saved.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/flat_layout.h"
#include "pipeline/sample.h"
#include "pipeline/state/loss_scaler.h"
#include "pipeline/state/train_state.h"

namespace larkspur::pipeline {

/// A range of one logical tensor.
struct SnapshotPiece {
  std::string kind;
  std::string name;
  ElementRange range;  ///< of the logical tensor, not empty
  at::Tensor values;   ///< float32 [range.size()], contiguous, host memory of its own
};

/// A value; shares no memory with the state it was taken of, so it may be read in another thread.
struct StateSnapshot {
  std::int64_t step = 0;
  std::vector<BadSample> bad;
  LossScaler scaler;
  std::vector<SnapshotPiece> pieces;  ///< what this rank owns, in the order of tensors()
};

/// Copies what this rank owns, into the memory of `reuse` where that was taken of the same state:
/// new memory costs a page fault every 4 KiB, several times the copy itself. All copies, those from
/// a GPU too, are finished when it returns: the next step may change the weights.
StateSnapshot take_snapshot(const TrainState& state, StateSnapshot reuse = {});

/// Throws kInvalidArgument naming the first weight or statistic that is not finite.
void require_finite(const StateSnapshot& snapshot);

}  // namespace larkspur::pipeline
