// SPDX-License-Identifier: Apache-2.0
// A uniform subset without repetition.
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "pipeline/rng.h"

namespace larkspur::pipeline {

/// `count` of the numbers below `size`, in the order drawn: the first steps of a Fisher-Yates
/// shuffle. 0 <= count <= size.
inline std::vector<std::uint32_t> random_subset(std::uint32_t size,
                                                std::uint32_t count,
                                                CounterRng& rng) {
  std::vector<std::uint32_t> order(size);
  std::iota(order.begin(), order.end(), 0U);
  for (std::uint32_t i = 0; i < count; ++i) std::swap(order[i], order[i + rng.below(size - i)]);
  order.resize(count);
  return order;
}

}  // namespace larkspur::pipeline
