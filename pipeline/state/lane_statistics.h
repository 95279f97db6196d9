// SPDX-License-Identifier: Apache-2.0
// Running statistics (BatchNorm) under lanes: every lane starts from the same values, and the step
// ends with the mean over lanes, added in lane order. Where lanes are normalised together they move
// once, on one rank's word: what it left is then the mean.
#pragma once

#include <string>
#include <string_view>
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
  std::int64_t elements() const { return elements_; }  ///< of all statistics together

  /// Points the statistics of another network of the same kind at these values.
  void share_values(const std::vector<Statistic>& others) const;

  /// Remembers the values the step starts from.
  void begin_step();

  /// Puts those values back: every lane sees the statistics the step began with.
  void begin_lane();

  /// A copy of what this lane left, where the network works: float32 [elements()]; undefined
  /// without statistics.
  at::Tensor lane_values() const;

  /// Appends them to `bytes`.
  void end_lane(std::string& bytes) const;

  /// Sets the mean over lanes: `by_lane` holds the bytes of all lanes, in lane order. Sums in
  /// double.
  void finish_step(std::string_view by_lane);

 private:
  std::vector<Statistic> statistics_;
  std::int64_t elements_ = 0;
  at::Tensor values_;  ///< float32 [elements()]; undefined without statistics
  at::Tensor start_;   ///< what the step began with
};

}  // namespace larkspur::pipeline
