// SPDX-License-Identifier: Apache-2.0
// The lane tree on the GPU: additions of floats have one result, so the bits are the CPU's.
#include "distributed/tree_exchange.h"

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "distributed/transport/solo_group.h"
#include "distributed/transport/staged_group.h"
#include "pipeline/error.h"
#include "tests/gpu/gpu.h"
#include "tests/gpu/lane_gradients.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::exchange_lanes;
using larkspur::testing::gpu;

TEST(TreeExchangeOnGpu, GivesTheBitsOfTheCpu) {
  const auto solo = make_solo_group({});
  const auto on_gpu = make_staged_group(*solo, gpu());
  const auto expected = exchange_lanes(*solo, at::kCPU);
  const auto actual = exchange_lanes(*on_gpu, gpu());
  EXPECT_TRUE(at::equal(actual.owned, expected.owned));
  EXPECT_TRUE(at::equal(actual.values, expected.values));
}

TEST(TreeExchangeOnGpu, RefusesAGroupThatMovesHostMemory) {
  const auto solo = make_solo_group({});
  EXPECT_THROW(exchange_lanes(*solo, gpu()), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::distributed
