// SPDX-License-Identifier: Apache-2.0
// Lanes: the fixed slices of a global batch that make results independent of the number of ranks.
//
// A global batch is `total` lanes of equal size. A rank holds `count` consecutive ones. Each lane
// gives one gradient, and gradients are added in one fixed tree over lanes, whoever holds them.
#pragma once

#include <cstdint>

namespace larkspur::pipeline {

constexpr bool is_power_of_two(std::int64_t value) noexcept {
  return value > 0 && (value & (value - 1)) == 0;
}

/// All that readers and the loop learn of the distributed world.
struct Lanes {
  int first = 0;
  int count = 1;
  int total = 1;  ///< a power of two
};

/// The first lane of a rank; of rank == ranks: total. 0 <= rank <= ranks <= total.
constexpr int first_lane(int rank, int ranks, int total) noexcept { return total * rank / ranks; }

/// The lanes of a rank, at least one when ranks <= total.
constexpr Lanes lanes_of_rank(int rank, int ranks, int total) noexcept {
  const int first = first_lane(rank, ranks, total);
  return {first, first_lane(rank + 1, ranks, total) - first, total};
}

}  // namespace larkspur::pipeline
