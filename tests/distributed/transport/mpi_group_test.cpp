// SPDX-License-Identifier: Apache-2.0
// Run by mpirun, every test by all ranks together: MPI can be started once in a process.
#include "distributed/transport/mpi_group.h"

#include <cstring>
#include <utility>

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/group_communicator.h"
#include "distributed/transport/group_registry.h"
#include "distributed/transport/peer_memory.h"
#include "distributed/transport/rank_env.h"
#include "distributed/tree_exchange.h"
#include "pipeline/error.h"
#include "tests/support/group_operations.h"
#include "tests/support/hosts_of_test.h"

namespace larkspur::distributed {
namespace {

std::unique_ptr<ProcessGroup>& world() {
  static std::unique_ptr<ProcessGroup> group;
  return group;
}

class World : public ::testing::Environment {
 public:
  void SetUp() override {
    world() = make_process_group({.transport = "auto",
                                  .deadline_seconds = 30.0,
                                  .reads_memory = testing::hosts_of_test().empty(),
                                  .hosts = testing::hosts_of_test()});
  }
  void TearDown() override { world().reset(); }
};

TEST(MpiGroup, HasTheRankAndSizeThatTheLauncherGave) {
  const RankEnv env = read_rank_env();
  ASSERT_TRUE(env.launched) << "run this under mpirun";
  EXPECT_EQ(world()->rank(), env.rank);
  EXPECT_EQ(world()->size(), env.size);
  EXPECT_GE(env.size, 2);
}

TEST(MpiGroup, AllToAllDeliversUnevenBlocks) {
  for (const std::size_t scale : {1U, 100U, 300000U}) testing::check_all_to_all(*world(), scale);
}

TEST(MpiGroup, AllGatherDeliversUnevenBlocks) {
  testing::check_all_gather(*world(), 1);
  testing::check_all_gather(*world(), 1000000);
  testing::check_all_gather_in_place(*world());
}

TEST(MpiGroup, BlocksGoTheHostsWays) {
  EXPECT_EQ(world()->hosts().hosts().size(), testing::hosts_of_test().empty() ? 1U : 2U);
  for (const std::size_t scale : {1U, 100U, 300000U}) testing::check_routes(*world(), scale);
}

TEST(MpiGroup, BroadcastCopiesFromEachRoot) { testing::check_broadcast(*world()); }

TEST(MpiGroup, OperationsUnderWayAtOnceDoNotMix) {
  testing::check_many_under_way(*world());
  testing::check_many_under_way(*world(), Route::kRelayed);
}

TEST(MpiGroup, StaysInOrderOverThousandsOfOperations) {
  for (int round = 0; round < 5000; ++round) {
    int data = world()->rank() == 0 ? round : -1;
    world()->broadcast(std::as_writable_bytes(std::span(&data, 1)), 0).wait();
    ASSERT_EQ(data, round);
  }
}

/// All ranks are on this host here; where reading is not allowed, none reads.
TEST(MpiGroup, RanksOfOneHostReadEachOther) {
  const std::vector<int> mine(5000, world()->rank() + 1);
  const std::uint64_t word = draw_word();
  std::vector<MemoryCard> cards(static_cast<std::size_t>(world()->size()));
  std::vector<Block> rooms;
  for (MemoryCard& card : cards) rooms.push_back(std::as_writable_bytes(std::span(&card, 1)));
  const MemoryCard own = card_of(word);
  world()->all_gather(std::as_bytes(std::span(&own, 1)), rooms).wait();
  GroupCommunicator communicator(*world());
  const auto places =
      communicator.all_gather(std::to_string(reinterpret_cast<std::uint64_t>(mine.data())));
  EXPECT_FALSE(world()->reads(world()->rank()));
  for (int peer = 0; peer < world()->size(); ++peer) {
    if (peer == world()->rank()) continue;
    EXPECT_EQ(world()->reads(peer),
              testing::hosts_of_test().empty() && may_read(cards[static_cast<std::size_t>(peer)]));
    if (!world()->reads(peer)) continue;
    std::vector<int> found(mine.size());
    const std::uint64_t address = std::stoull(places[static_cast<std::size_t>(peer)]);
    world()->read(peer, address, std::as_writable_bytes(std::span(found)));
    EXPECT_EQ(found, std::vector<int>(mine.size(), peer + 1));
  }
  world()->barrier().wait();  // until then `mine` stays
}

TEST(MpiGroup, PeersGatherTexts) {
  const auto texts = GroupCommunicator(*world()).all_gather(std::to_string(world()->rank() * 1000));
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    EXPECT_EQ(texts[rank], std::to_string(rank * 1000));
  }
}

TEST(MpiGroup, CannotBeMadeTwiceInOneProcess) { EXPECT_THROW(make_mpi_group({}), pipeline::Error); }

/// Small whole numbers, so that any order of additions is exact.
TEST(MpiGroup, CarriesLaneGradientsToTheirOwnersAndValuesBack) {
  const std::vector<pipeline::Parameter> parameters{
      {"a", at::zeros({300000}).set_requires_grad(true)},
      {"b", at::zeros({5000}).set_requires_grad(true)}};
  pipeline::FlatParameters flat(parameters, 4096);
  const auto lanes = pipeline::lanes_of_rank(world()->rank(), world()->size(), 8);
  TreeExchange exchange(*world(), flat, lanes);
  for (int step = 0; step < 3; ++step) {
    for (int lane = lanes.first; lane < lanes.first + lanes.count; ++lane) {
      flat.gradients().fill_(static_cast<float>(1 << (3 * lane)) + static_cast<float>(step));
      for (int bucket = 0; bucket < 2; ++bucket) exchange.lane_done(lane, bucket);
    }
    const float sum = 0x249249 + 8.0F * static_cast<float>(step);
    const at::Tensor owned = exchange.reduce();
    EXPECT_TRUE(owned.eq(sum).all().item<bool>());
    flat.values().fill_(-1.0F);
    for (const auto& range : flat.layout().owned(world()->rank(), world()->size())) {
      flat.values().narrow(0, range.begin, range.size()).fill_(sum);
    }
    exchange.gather();
    for (int bucket = 0; bucket < flat.layout().bucket_count(); ++bucket) exchange.wait(bucket);
    EXPECT_TRUE(flat.values().eq(sum).all().item<bool>());
  }
}

}  // namespace
}  // namespace larkspur::distributed

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new larkspur::distributed::World);
  return RUN_ALL_TESTS();
}
