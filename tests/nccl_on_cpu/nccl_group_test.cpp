// SPDX-License-Identifier: Apache-2.0
// Run by mpirun, every test by all ranks together: the NCCL group, as it is, over fakes of CUDA's
// streams and NCCL's messages.
#include "distributed/transport/nccl_group.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/group_registry.h"
#include "distributed/transport/solo_group.h"
#include "pipeline/error.h"
#include "tests/gpu/device_blocks.h"
#include "tests/gpu/lane_gradients.h"
#include "tests/nccl_on_cpu/fake_cuda.h"
#include "tests/support/group_operations.h"
#include "tests/support/nccl_over_mpi.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::mpi_world;
using larkspur::testing::nccl_over_mpi;
using nccl_on_cpu::queue_on_compute;
using nccl_on_cpu::wait_for_compute;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

/// What `work` throws, and that it does so within `seconds`.
std::string failure_within(double seconds, const std::function<void()>& work) {
  const auto start = steady_clock::now();
  std::string text;
  try {
    work();
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kCollective);
    text = error.what();
  }
  EXPECT_LT(std::chrono::duration<double>(steady_clock::now() - start).count(), seconds);
  return text;
}

TEST(NcclGroup, CarriesEveryOperation) {
  const auto group = nccl_over_mpi(10.0);
  EXPECT_EQ(group->memory(), Memory::kDevice);
  EXPECT_EQ(group->rank(), mpi_world().rank());
  larkspur::testing::DeviceBlocks host(*group, at::kCPU);
  for (const std::size_t scale : {1U, 100U, 300000U}) testing::check_all_to_all(host, scale);
  testing::check_all_gather(host, 1);
  testing::check_all_gather(host, 1000000);
  testing::check_broadcast(host);
  testing::check_many_under_way(host);
  group->barrier().wait();
}

TEST(NcclGroup, SeesWorkThatWasQueuedBeforeAndIsSeenByWorkAfter) {
  const auto group = nccl_over_mpi(10.0);
  const auto ranks = static_cast<std::size_t>(group->size());
  const auto me = static_cast<std::size_t>(group->rank());
  std::vector<std::vector<int>> sent(ranks, std::vector<int>(1 << 16));
  auto received = sent;
  std::atomic<int> wrong = 0;
  const auto value = [](int round, std::size_t from, std::size_t to) {
    return round * 100 + static_cast<int>(from * 10 + to);
  };
  for (int round = 1; round <= 5; ++round) {
    queue_on_compute([&, round] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      for (std::size_t peer = 0; peer < ranks; ++peer) {
        std::fill(sent[peer].begin(), sent[peer].end(), value(round, me, peer));
      }
    });
    std::vector<ConstBlock> sends(ranks);
    std::vector<Block> receives(ranks);
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      sends[peer] = std::as_bytes(std::span(sent[peer]));
      receives[peer] = std::as_writable_bytes(std::span(received[peer]));
    }
    group->all_to_all(sends, receives).wait();
    queue_on_compute([&, round] {
      for (std::size_t peer = 0; peer < ranks; ++peer) {
        for (const int got : received[peer]) wrong += got == value(round, peer, me) ? 0 : 1;
      }
    });
  }
  wait_for_compute();
  EXPECT_EQ(wrong, 0);
}

/// Sums of lanes are the host's here, so the memory is called the host's; the blocks are where
/// TreeExchange has them.
class InPlace : public ProcessGroup {
 public:
  explicit InPlace(ProcessGroup& group) : ProcessGroup(group.rank(), group.size()), group_(group) {}
  void abandon() noexcept override { group_.abandon(); }

 protected:
  Pending start(Exchange exchange) override {
    const auto me = static_cast<std::size_t>(rank());
    if (exchange.operation == Operation::kAllGather) {
      exchange.receives[me] = {const_cast<std::byte*>(exchange.sends[me].data()),
                               exchange.sends[me].size()};
      return group_.all_gather(exchange.sends[me], exchange.receives);
    }
    exchange.sends[me] = {};
    exchange.receives[me] = {};
    return group_.all_to_all(exchange.sends, exchange.receives);
  }

 private:
  ProcessGroup& group_;
};

TEST(NcclGroup, AddsLanesToTheBitsOfOneRank) {
  const auto group = nccl_over_mpi(10.0);
  InPlace in_place(*group);
  const auto actual = larkspur::testing::exchange_lanes(in_place, at::kCPU);
  const auto solo = make_solo_group({});
  const auto expected = larkspur::testing::exchange_lanes(*solo, at::kCPU);
  EXPECT_TRUE(at::equal(actual.values, expected.values));
}

// From here on groups break; each test makes its own.

TEST(NcclFault, APeerThatDoesNotComeIsLateAndTheGroupIsBroken) {
  const auto group = nccl_over_mpi(1.0);
  if (mpi_world().rank() != 0) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    group->abandon();
    return;
  }
  const std::string text = failure_within(2.0, [&] { group->barrier().wait(); });
  EXPECT_THAT(text, HasSubstr("[barrier] rank 0 waited 1 s"));
  EXPECT_THAT(failure_within(0.1, [&] { group->barrier(); }), HasSubstr("cannot go on"));
}

TEST(NcclFault, APeerThatLeavesIsAnErrorAtOnce) {
  const auto group = nccl_over_mpi(10.0);
  if (mpi_world().rank() != 0) {
    group->abandon();
    return;
  }
  const std::string text = failure_within(5.0, [&] {
    for (int i = 0; i < 3; ++i) group->barrier().wait();
  });
  EXPECT_THAT(text, HasSubstr("remote process exited"));
}

TEST(NcclFault, EndsOfDifferentSizeEndAtTheDeadline) {
  const auto group = nccl_over_mpi(1.0);
  const bool expects_more = mpi_world().rank() == 0;
  std::vector<std::byte> data(expects_more ? 2048 : 1024);
  const auto ranks = static_cast<std::size_t>(group->size());
  const std::vector<ConstBlock> sends(ranks, ConstBlock(data).first(1024));
  std::vector<std::vector<std::byte>> room(ranks, data);
  std::vector<Block> receives(room.begin(), room.end());
  receives[static_cast<std::size_t>(group->rank())] = Block(data).first(1024);
  if (!expects_more) {
    group->all_to_all(sends, receives).wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    group->abandon();
    return;
  }
  std::vector<std::byte> mine(1024);
  receives[0] = mine;
  const std::string text = failure_within(2.0, [&] { group->all_to_all(sends, receives).wait(); });
  EXPECT_THAT(text, HasSubstr("[all_to_all] rank 0 waited 1 s"));
}

TEST(NcclFault, AnOperationDroppedUnfinishedBreaksTheGroup) {
  const auto group = nccl_over_mpi(10.0);
  if (mpi_world().rank() != 0) {
    mpi_world().barrier().wait();
    group->abandon();
    return;
  }
  { const Pending dropped = group->barrier(); }
  EXPECT_THAT(failure_within(1.0, [&] { group->barrier(); }), HasSubstr("was dropped unfinished"));
  mpi_world().barrier().wait();
}

}  // namespace
}  // namespace larkspur::distributed
