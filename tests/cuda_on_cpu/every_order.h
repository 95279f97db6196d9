// SPDX-License-Identifier: Apache-2.0
// A test's kernels in all three orders of threads, with nothing to find in any.
#pragma once

#include <array>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cuda_on_cpu/grid.h"

namespace larkspur::cuda_on_cpu {

/// Under a sanitizer in one order: which memory is touched does not depend on it.
template <typename Work>
void in_every_order(const Work& work) {
  constexpr std::array<std::pair<Order, const char*>, 3> kOrders{{{Order::kForward, "forward"},
                                                                  {Order::kBackward, "backward"},
                                                                  {Order::kShuffled, "shuffled"}}};
  for (const auto& [order, name] : kOrders) {
#if defined(__SANITIZE_ADDRESS__)
    if (order != Order::kShuffled) continue;
#endif
    SCOPED_TRACE(name);
    set_order(order);
    work();
    EXPECT_THAT(take_findings(), ::testing::IsEmpty());
  }
  set_order(Order::kForward);
}

}  // namespace larkspur::cuda_on_cpu
