// SPDX-License-Identifier: Apache-2.0
// Run by mpirun, every test by all ranks together. Several ranks may share the GPU when each has an
// NCCL_HOSTID of its own (tests/gpu/run sets it). NcclFault runs alone: it breaks the group.
#include "distributed/transport/nccl_group.h"

#include <chrono>
#include <thread>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/group_registry.h"
#include "distributed/transport/rank_env.h"
#include "distributed/transport/solo_group.h"
#include "distributed/transport/staged_group.h"
#include "pipeline/error.h"
#include "tests/gpu/device_blocks.h"
#include "tests/gpu/gpu.h"
#include "tests/gpu/lane_gradients.h"
#include "tests/support/group_operations.h"
#include "tests/support/nccl_over_mpi.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::DeviceBlocks;
using larkspur::testing::exchange_lanes;
using larkspur::testing::gpu;
using larkspur::testing::mpi_world;
using larkspur::testing::nccl_over_mpi;
using larkspur::testing::NcclFailure;

class NcclGroup : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!read_rank_env().launched) GTEST_SKIP() << "one rank: run this under mpirun";
    group_ = nccl_over_mpi(60.0);
  }

  std::unique_ptr<ProcessGroup> group_;
};

TEST_F(NcclGroup, CarriesEveryOperation) {
  EXPECT_EQ(group_->memory(), Memory::kDevice);
  EXPECT_EQ(group_->rank(), mpi_world().rank());
  EXPECT_EQ(group_->size(), mpi_world().size());
  DeviceBlocks host(*group_, gpu());
  for (const std::size_t scale : {1U, 100U, 300000U}) testing::check_all_to_all(host, scale);
  testing::check_all_gather(host, 1);
  testing::check_all_gather(host, 1000000);
  testing::check_broadcast(host);
  testing::check_many_under_way(host);
  group_->barrier().wait();
}

TEST_F(NcclGroup, AddsLanesAsTheHostDoes) {
  const auto through_host = make_staged_group(mpi_world(), gpu());
  const auto expected = exchange_lanes(*through_host, gpu());
  const auto actual = exchange_lanes(*group_, gpu());
  EXPECT_TRUE(at::equal(actual.owned, expected.owned));
  EXPECT_TRUE(at::equal(actual.values, expected.values));
  const auto solo = make_solo_group({});
  EXPECT_TRUE(at::equal(actual.values, exchange_lanes(*solo, at::kCPU).values));
}

TEST_F(NcclGroup, SeesWorkThatWasQueuedBeforeAndIsSeenByWorkAfter) {
  const int peer = 1 - group_->rank();
  if (group_->size() != 2) GTEST_SKIP() << "needs two ranks";
  at::Tensor sent = at::zeros({1 << 22}, gpu());
  at::Tensor received = at::zeros({1 << 22}, gpu());
  for (int round = 0; round < 10; ++round) {
    for (int step = 0; step < 50; ++step)
      sent.add_(1.0);  // still under way when the send is issued
    std::vector<ConstBlock> sends(2);
    std::vector<Block> receives(2);
    const auto at_peer = static_cast<std::size_t>(peer);
    sends[at_peer] = {static_cast<const std::byte*>(sent.const_data_ptr()), sent.nbytes()};
    receives[at_peer] = {static_cast<std::byte*>(received.mutable_data_ptr()), received.nbytes()};
    group_->all_to_all(sends, receives).wait();
    EXPECT_TRUE(received.eq(50.0 * (round + 1)).all().item<bool>()) << "round " << round;
  }
}

TEST(NcclFault, APeerThatDoesNotComeIsLateAndTheGroupIsBroken) {
  if (!read_rank_env().launched) GTEST_SKIP() << "one rank: run this under mpirun";
  NcclFailure failure;
  const auto group = failure.group(8.0);
  if (mpi_world().rank() != 0) {
    std::this_thread::sleep_for(std::chrono::seconds(20));
    group->abandon();
    return;
  }
  group->barrier().wait();  // returns: what follows on the stream is what waits
  EXPECT_THAT(failure.text_within(16.0), ::testing::HasSubstr("[barrier] rank 0 waited 8 s"));
  EXPECT_THROW(group->barrier(), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::distributed
