// SPDX-License-Identifier: Apache-2.0
// The device is the CPU here: what is staged, sent and copied back is the same.
#include "distributed/transport/staged_group.h"

#include <array>

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/solo_group.h"
#include "distributed/tree_exchange.h"
#include "pipeline/error.h"
#include "tests/support/group_operations.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::Bytes;
using larkspur::testing::run_ranks;
using pipeline::Error;

class StagedGroupOperations : public ::testing::TestWithParam<int> {};

TEST_P(StagedGroupOperations, CarryEveryOperation) {
  run_ranks(GetParam(), [](ProcessGroup& host) {
    const auto group = make_staged_group(host, at::kCPU);
    EXPECT_EQ(group->memory(), Memory::kDevice);
    EXPECT_EQ(group->rank(), host.rank());
    for (const std::size_t scale : {1U, 5000U}) testing::check_all_to_all(*group, scale);
    testing::check_all_gather(*group, 333);
    testing::check_all_gather_in_place(*group);
    testing::check_broadcast(*group);
    testing::check_many_under_way(*group);
    group->barrier().wait();
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, StagedGroupOperations, ::testing::Values(1, 2, 3));

TEST(StagedGroup, BlocksGoTheHostsWays) {
  run_ranks(5,
            [](ProcessGroup& host) {
              const auto group = make_staged_group(host, at::kCPU);
              testing::check_routes(*group, 333);
            },
            30.0,
            /*reads_memory=*/false,
            {0, 0, 0, 1, 1});
}

TEST(StagedGroup, CopiesWhatItSendsItself) {
  const auto solo = make_solo_group({});
  const auto group = make_staged_group(*solo, at::kCPU);
  const Bytes sent = testing::message(1, 2, 100);
  Bytes received(100);
  group->all_to_all(std::array{ConstBlock(sent)}, std::array{Block(received)}).wait();
  EXPECT_EQ(received, sent);
}

TEST(StagedGroup, TakesItsCopyBeforeItReturns) {
  run_ranks(2, [](ProcessGroup& host) {
    const auto group = make_staged_group(host, at::kCPU);
    const Bytes expected = testing::message(0, 1, 64);
    Bytes sent = expected;
    std::vector<Bytes> received(2, Bytes(64));
    Pending pending =
        group->all_to_all(std::vector<ConstBlock>(2, sent), testing::blocks_of(received));
    sent.assign(64, std::byte{0});
    pending.wait();
    EXPECT_EQ(received[static_cast<std::size_t>(1 - host.rank())], expected);
  });
}

TEST(StagedGroup, IsRefusedOverAGroupThatMovesDeviceMemory) {
  const auto solo = make_solo_group({});
  const auto group = make_staged_group(*solo, at::kCPU);
  EXPECT_THROW(make_staged_group(*group, at::kCPU), Error);
}

TEST(StagedGroup, IsRefusedForParametersInHostMemory) {
  const auto solo = make_solo_group({});
  const auto group = make_staged_group(*solo, at::kCPU);
  pipeline::FlatParameters flat({{"p", at::zeros({10}).set_requires_grad(true)}}, 4096);
  EXPECT_THROW(TreeExchange(*group, flat, {0, 1, 1}), Error);
}

}  // namespace
}  // namespace larkspur::distributed
