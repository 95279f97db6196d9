// SPDX-License-Identifier: Apache-2.0
// Running statistics (BatchNorm) under lanes: every lane starts from the same values, and the step
// ends with the mean over lanes, added in lane order. Where lanes are normalised together they move
// once, on one rank's word: what it left is then the mean.
#pragma once

#include <vector>

#include "pipeline/classifier.h"

namespace larkspur::pipeline {

/// Not thread-safe. Makes the network's statistics views of one buffer, on the device they are on,
/// so that a lane costs one copy; the network may go first.
class LaneStatistics {
 public:
  /// All float32 on one device; throws kInvalidArgument naming one that is not float32.
  explicit LaneStatistics(std::vector<Statistic> statistics);

  const std::vector<Statistic>& tensors() const { return statistics_; }
  std::int64_t elements() const { return elements_; }   ///< of all statistics together
  const at::Tensor& values() const { return values_; }  ///< float32 [elements()]; undefined if none

  /// Points the statistics of another network of the same kind at these values.
  void share_values(const std::vector<Statistic>& others) const;

  /// Remembers the values the step starts from; forgets what its lanes left before.
  void begin_step();

  /// Puts those values back: every lane sees the statistics the step began with.
  void begin_lane();

  /// Keeps a copy of what this lane left, where the network works.
  void end_lane();

  /// What lanes left: float32 [lanes kept, elements()]; undefined without statistics.
  at::Tensor lanes() const;

  /// Sets the mean over the lanes of the job, which exchanges know: float32 [elements()].
  void finish_step(const at::Tensor& mean);

 private:
  std::vector<Statistic> statistics_;
  std::int64_t elements_ = 0;
  at::Tensor values_;              ///< float32 [elements()]; undefined without statistics
  at::Tensor start_;               ///< what the step began with
  std::vector<at::Tensor> lanes_;  ///< what lanes left since then
};

}  // namespace larkspur::pipeline
