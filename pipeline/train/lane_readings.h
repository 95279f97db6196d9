// SPDX-License-Identifier: Apache-2.0
// What the host wants to know of a step's lanes, read at once when they and the sum of their
// gradients are queued: a read a lane would drain a GPU as often.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/phase_board.h"
#include "pipeline/train/step_stats.h"

namespace larkspur::pipeline {

/// One rank's lanes, in lane order. Holds tensors where the network works.
class LaneReadings {
 public:
  /// Scalars: the sum of a lane's losses, and how many of its samples were right; its loss is that
  /// sum over `nominal`, > 0.
  void add(const at::Tensor& sum, std::int64_t nominal, const at::Tensor& correct);

  /// A lane without a sample that could be read: no loss, none right.
  void add_nothing();

  /// Appends losses and the count of right samples; `more`, float64 [n] where the network works, is
  /// read with them and returned on the CPU. The one read of a step: where the exchange only
  /// queues, as on GPUs, the host waits here for ranks that are late, and the board hears of it.
  at::Tensor read_into(StepStats& facts, const at::Tensor& more, PhaseBoard* board = nullptr) const;

 private:
  std::vector<at::Tensor> sums_;        ///< [lanes]; undefined: nothing
  std::vector<at::Tensor> correct_;     ///< likewise
  std::vector<std::int64_t> nominals_;  ///< [lanes]; what the sums are divided by
};

}  // namespace larkspur::pipeline
