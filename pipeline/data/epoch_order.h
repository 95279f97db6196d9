// SPDX-License-Identifier: Apache-2.0
// The order of an epoch as a bijection: position -> sample, without a permutation table.
//
// A balanced Feistel network over the smallest even number of bits that holds the list, walked
// until the value falls inside it (Black and Rogaway, "Ciphers with arbitrary finite domains",
// CT-RSA 2002, section 4). The whole state of the data side of a run is therefore one number, its
// step.
#pragma once

#include <array>
#include <cstdint>

#include "pipeline/lanes.h"

namespace larkspur::pipeline {

/// One epoch's order; immutable, cheap to copy, callable from many threads.
class EpochOrder {
 public:
  /// samples in [1, 2^31). Different seeds or epochs give unrelated orders.
  EpochOrder(std::int64_t samples, std::uint64_t seed, std::uint32_t epoch);

  /// The sample at a position, both in [0, samples); each sample at exactly one position.
  std::int64_t operator()(std::int64_t position) const;

 private:
  std::uint32_t permute_once(std::uint32_t value) const;

  std::int64_t samples_;
  int half_bits_;
  std::array<std::uint32_t, 6> round_keys_{};
};

/// How the positions of an epoch fall to steps and lanes. A plain value.
struct StepShape {
  std::int64_t samples = 0;       ///< in the list
  std::int64_t global_batch = 0;  ///< views a step, over all lanes
  int lanes = 1;
  int repeats = 1;  ///< views of each sample in a step; lanes x repeats divides global_batch

  /// Samples a step, and of these a lane.
  std::int64_t step_samples() const { return global_batch / repeats; }
  std::int64_t lane_samples() const { return step_samples() / lanes; }

  /// Whole steps in an epoch; what is left over is not seen in that epoch.
  std::int64_t steps_per_epoch() const { return samples / step_samples(); }

  std::int64_t epoch_of(std::int64_t step) const { return step / steps_per_epoch(); }

  /// Position of the first sample of a lane in `step` (counted from the start of training); its
  /// lane_samples() samples follow one another.
  std::int64_t first_position(std::int64_t step, int lane) const {
    return step % steps_per_epoch() * step_samples() + lane * lane_samples();
  }
};

}  // namespace larkspur::pipeline
