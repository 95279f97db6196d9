// SPDX-License-Identifier: Apache-2.0
// Run by mpirun, every test by all ranks together: the NCCL group, as it is, over fakes of CUDA's
// streams and NCCL's messages.
#include "distributed/transport/nccl_group.h"

#include <atomic>
#include <chrono>
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
#include "tests/support/tree_kernels.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::mpi_world;
using larkspur::testing::nccl_over_mpi;
using larkspur::testing::NcclFailure;
using nccl_on_cpu::queue_on_compute;
using nccl_on_cpu::wait_for_compute;
using ::testing::HasSubstr;

std::string refusal_of_a_barrier(ProcessGroup& group) {
  try {
    group.barrier().wait();
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kCollective);
    return error.what();
  }
  return "nothing was thrown";
}

/// A group whose wait() holds the host, for checks that read the blocks there.
class Drained : public ProcessGroup {
 public:
  explicit Drained(ProcessGroup& group)
      : ProcessGroup(group.rank(), group.hosts()), group_(group) {}
  Memory memory() const noexcept override { return group_.memory(); }
  void abandon() noexcept override { group_.abandon(); }

 protected:
  Pending start(Exchange exchange) override {
    switch (exchange.operation) {
      case Operation::kAllToAll:
        return drained(
            group_.all_to_all(exchange.sends, exchange.receives, exchange.what, exchange.route));
      case Operation::kAllGather:
        return drained(
            group_.all_gather(exchange.sends[0], exchange.receives, exchange.what, exchange.route));
      case Operation::kBroadcast:
        return drained(group_.broadcast(exchange.receives[0], exchange.root));
      default:
        return drained(group_.barrier());
    }
  }

 private:
  class Work : public Pending::Work {
   public:
    explicit Work(Pending pending) : pending_(std::move(pending)) {}
    void wait() override {
      pending_.wait();
      wait_for_compute();
    }
    void abandon() noexcept override { pending_ = {}; }

   private:
    Pending pending_;
  };
  static Pending drained(Pending pending) {
    return Pending(std::make_unique<Work>(std::move(pending)));
  }

  ProcessGroup& group_;
};

TEST(NcclGroup, CarriesEveryOperation) {
  const auto group = nccl_over_mpi(10.0);
  EXPECT_EQ(group->memory(), Memory::kDevice);
  EXPECT_EQ(group->rank(), mpi_world().rank());
  Drained drained(*group);
  larkspur::testing::DeviceBlocks host(drained, at::kCPU);
  for (const std::size_t scale : {1U, 100U, 300000U}) testing::check_all_to_all(host, scale);
  testing::check_all_gather(host, 1);
  testing::check_all_gather(host, 1000000);
  for (const std::size_t scale : {1U, 300000U}) testing::check_routes(host, scale);
  testing::check_broadcast(host);
  testing::check_many_under_way(host);
  testing::check_many_under_way(host, Route::kRelayed);
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

TEST(NcclGroup, WaitHoldsTheComputeStreamAndNotTheHost) {
  const auto group = nccl_over_mpi(30.0);
  if (mpi_world().rank() == 0)
    group->barrier().wait();  // the others come only behind the next line
  mpi_world().barrier().wait();
  if (mpi_world().rank() != 0) group->barrier().wait();
  wait_for_compute();
}

/// Memory is called the host's here, so that the tree lies there; the blocks are where TreeExchange
/// has them.
class InPlace : public ProcessGroup {
 public:
  explicit InPlace(ProcessGroup& group)
      : ProcessGroup(group.rank(), group.hosts()), group_(group) {}
  void abandon() noexcept override { group_.abandon(); }

 protected:
  Pending start(Exchange exchange) override {
    const auto me = static_cast<std::size_t>(rank());
    if (exchange.operation == Operation::kAllGather) {
      exchange.receives[me] = {const_cast<std::byte*>(exchange.sends[me].data()),
                               exchange.sends[me].size()};
      return group_.all_gather(
          exchange.sends[me], exchange.receives, exchange.what, exchange.route);
    }
    exchange.sends[me] = {};
    exchange.receives[me] = {};
    return group_.all_to_all(exchange.sends, exchange.receives, exchange.what, exchange.route);
  }

 private:
  ProcessGroup& group_;
};

// TreeExchange as it is: additions, writes of gradients and of values are work of the fake compute
// stream, which is behind the host all the time.
TEST(NcclGroup, AddsLanesToTheBitsOfOneRank) {
  const larkspur::testing::Stream stream{queue_on_compute, wait_for_compute};
  const auto group = nccl_over_mpi(10.0);
  InPlace in_place(*group);
  const std::int64_t before = nccl_on_cpu::flat_sum_elements();
  const auto actual = larkspur::testing::exchange_lanes(in_place, at::kCPU, stream);
  const auto tree = larkspur::testing::tree_kernels(
      actual.layout, group->rank(), group->size(), larkspur::testing::kLanes);
  if (group->hosts().hosts().size() == 1) {
    EXPECT_EQ(nccl_on_cpu::flat_sum_elements() - before, 2 * tree.elements);  // of two steps
  }
  const auto solo = make_solo_group({});
  const auto expected = larkspur::testing::exchange_lanes(*solo, at::kCPU, stream);
  EXPECT_TRUE(at::equal(actual.values, expected.values));
}

// From here on groups break; each test makes its own.

TEST(NcclFault, APeerThatDoesNotComeIsLateAndTheGroupIsBroken) {
  NcclFailure failure;
  const auto group = failure.group(1.0);
  if (mpi_world().rank() != 0) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    group->abandon();
    return;
  }
  group->barrier().wait();
  EXPECT_THAT(failure.text_within(1.8), HasSubstr("[barrier] rank 0 waited 1 s"));
  EXPECT_THAT(refusal_of_a_barrier(*group), HasSubstr("cannot go on"));
  wait_for_compute();  // which the abort has let go
}

TEST(NcclFault, APeerThatLeavesIsAnErrorAtOnce) {
  NcclFailure failure;
  const auto group = failure.group(10.0);
  if (mpi_world().rank() != 0) {
    group->abandon();
    return;
  }
  group->barrier().wait();
  EXPECT_THAT(failure.text_within(5.0), HasSubstr("remote process exited"));
}

TEST(NcclFault, EndsOfDifferentSizeEndAtTheDeadline) {
  NcclFailure failure;
  const auto group = failure.group(1.0);
  const bool expects_more = mpi_world().rank() == 0;
  std::vector<std::byte> data(expects_more ? 2048 : 1024);
  const auto ranks = static_cast<std::size_t>(group->size());
  const auto me = static_cast<std::size_t>(group->rank());
  std::vector<ConstBlock> sends(ranks, ConstBlock(data).first(1024));
  std::vector<std::vector<std::byte>> room(ranks, data);
  std::vector<Block> receives(room.begin(), room.end());
  sends[me] = {};
  receives[me] = {};
  group->all_to_all(sends, receives).wait();
  if (expects_more) {
    EXPECT_THAT(failure.text_within(2.0), HasSubstr("[all_to_all] rank 0 waited 1 s"));
  } else {
    wait_for_compute();
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    group->abandon();
  }
}

TEST(NcclFault, AnOperationDroppedUnfinishedBreaksTheGroup) {
  const auto group = nccl_over_mpi(10.0);
  if (mpi_world().rank() != 0) {
    mpi_world().barrier().wait();
    group->abandon();
    return;
  }
  { const Pending dropped = group->barrier(); }
  EXPECT_THAT(refusal_of_a_barrier(*group), HasSubstr("was dropped unfinished"));
  mpi_world().barrier().wait();
}

}  // namespace
}  // namespace larkspur::distributed
