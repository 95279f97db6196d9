// SPDX-License-Identifier: Apache-2.0
#include "distributed/tree_exchange.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <mutex>
#include <thread>

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/exchange.h"
#include "distributed/transport/solo_group.h"
#include "pipeline/error.h"
#include "pipeline/require.h"
#include "pipeline/rng.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using pipeline::FlatLayout;
using pipeline::FlatParameters;
using pipeline::Lanes;
using pipeline::lanes_of_rank;
using ::testing::HasSubstr;
using testing::run_ranks;

constexpr int kLanes = 8;
constexpr std::int64_t kBucketElements = 16384;

/// Three buckets, of 18, 5 and 2 chunks: some ranks own nothing of the small ones.
std::vector<pipeline::Parameter> parameters() {
  std::vector<pipeline::Parameter> made;
  for (const std::int64_t elements : {100, 8000, 16385, 3, 70000}) {
    made.push_back(
        {pipeline::text_of("p", elements), at::zeros({elements}).set_requires_grad(true)});
  }
  return made;
}

/// What a lane contributes: magnitudes over twelve decades, so that every order of additions gives
/// other bits.
std::vector<float> lane_gradients(int lane, std::int64_t elements, std::uint64_t seed) {
  pipeline::CounterRng rng({seed, 0, static_cast<std::uint32_t>(lane)},
                           pipeline::Purpose::kSynthetic);
  std::vector<float> values(static_cast<std::size_t>(elements));
  for (float& value : values) {
    const double magnitude = std::pow(10.0, rng.uniform(-6.0, 6.0));
    value = static_cast<float>(rng.uniform(-1.0, 1.0) * magnitude);
  }
  return values;
}

using LaneGradients = std::vector<std::vector<float>>;

LaneGradients all_lane_gradients(std::int64_t elements, std::uint64_t seed) {
  LaneGradients lanes;
  for (int lane = 0; lane < kLanes; ++lane) {
    lanes.push_back(lane_gradients(lane, elements, seed));
  }
  return lanes;
}

/// The node over [first, first + count) by plain recursion.
float tree_sum(const LaneGradients& lanes,
               std::size_t element,
               std::size_t first,
               std::size_t count) {
  if (count == 1) return lanes[first][element];
  return tree_sum(lanes, element, first, count / 2) +
         tree_sum(lanes, element, first + count / 2, count / 2);
}

/// Plays the lanes of one rank and returns what it owns, when the others have read theirs.
at::Tensor play_step(ProcessGroup& group,
                     TreeExchange& exchange,
                     FlatParameters& flat,
                     Lanes mine,
                     const LaneGradients& lanes) {
  for (int lane = mine.first; lane < mine.first + mine.count; ++lane) {
    const auto& gradients = lanes[static_cast<std::size_t>(lane)];
    std::memcpy(flat.gradients().mutable_data_ptr<float>(),
                gradients.data(),
                gradients.size() * sizeof(float));
    for (int bucket = 0; bucket < flat.layout().bucket_count(); ++bucket) {
      exchange.lane_done(lane, bucket);
    }
  }
  at::Tensor owned = exchange.reduce();
  group.barrier().wait();
  return owned;
}

/// The owned sums of all ranks put where they belong: the whole flat gradient.
class WholeGradient {
 public:
  explicit WholeGradient(std::int64_t elements)
      : values_(static_cast<std::size_t>(elements), NAN) {}

  void put(const FlatLayout& layout, const ProcessGroup& group, const at::Tensor& owned) {
    const std::lock_guard lock(mutex_);
    const float* next = owned.const_data_ptr<float>();
    for (const auto& range : layout.owned(group.rank(), group.size())) {
      std::copy(next, next + range.size(), values_.begin() + range.begin);
      next += range.size();
    }
    EXPECT_EQ(next - owned.const_data_ptr<float>(), owned.numel());
  }
  const std::vector<float>& values() const { return values_; }

 private:
  std::mutex mutex_;
  std::vector<float> values_;
};

std::int64_t flat_elements() {
  return FlatParameters(parameters(), kBucketElements).layout().elements();
}

bool same_bits(const std::vector<float>& one, const std::vector<float>& other) {
  return one.size() == other.size() &&
         std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0;
}

using Hosts = std::vector<int>;

/// The host of each rank, and whether ranks of one read each other's sums instead of sending them.
class TreeExchangeRanks : public ::testing::TestWithParam<std::tuple<Hosts, bool>> {
 protected:
  template <typename Work>
  static void run(const Work& work) {
    const auto [hosts, reads_memory] = GetParam();
    run_ranks(static_cast<int>(hosts.size()), work, 30.0, reads_memory, hosts);
  }
};

TEST_P(TreeExchangeRanks, AddsWithTheBitsOfAPlainRecursionOverLanes) {
  const LaneGradients lanes = all_lane_gradients(flat_elements(), 1);
  WholeGradient whole(flat_elements());
  run([&](ProcessGroup& group) {
    FlatParameters flat(parameters(), kBucketElements);
    const Lanes mine = lanes_of_rank(group.rank(), group.size(), kLanes);
    TreeExchange exchange(group, flat, mine);
    whole.put(flat.layout(), group, play_step(group, exchange, flat, mine, lanes));
  });
  std::vector<float> expected(whole.values().size());
  for (std::size_t element = 0; element < expected.size(); ++element) {
    expected[element] = tree_sum(lanes, element, 0, kLanes);
  }
  EXPECT_TRUE(same_bits(whole.values(), expected));
}

TEST_P(TreeExchangeRanks, StartsEachStepAfreshInTheSameBuffers) {
  const LaneGradients first = all_lane_gradients(flat_elements(), 1);
  const LaneGradients second = all_lane_gradients(flat_elements(), 2);
  run([&](ProcessGroup& group) {
    FlatParameters flat(parameters(), kBucketElements);
    const Lanes mine = lanes_of_rank(group.rank(), group.size(), kLanes);
    TreeExchange exchange(group, flat, mine);
    const at::Tensor before = play_step(group, exchange, flat, mine, first);
    const at::Tensor after = play_step(group, exchange, flat, mine, second);
    EXPECT_EQ(before.const_data_ptr<float>(), after.const_data_ptr<float>());
    const auto range = flat.layout().owned(0, group.rank(), group.size());
    for (std::int64_t place = 0; place < range.size(); place += 97) {
      EXPECT_EQ(after.const_data_ptr<float>()[place],
                tree_sum(second, static_cast<std::size_t>(range.begin + place), 0, kLanes));
    }
  });
}

TEST_P(TreeExchangeRanks, GatherMakesTheOwnedValuesKnownEverywhere) {
  run([&](ProcessGroup& group) {
    FlatParameters flat(parameters(), kBucketElements);
    TreeExchange exchange(group, flat, lanes_of_rank(group.rank(), group.size(), kLanes));
    auto* values = flat.values().mutable_data_ptr<float>();
    std::fill(values, values + flat.values().numel(), -1.0F);
    for (const auto& range : flat.layout().owned(group.rank(), group.size())) {
      for (std::int64_t at = range.begin; at < range.end; ++at) values[at] = static_cast<float>(at);
    }
    exchange.gather();
    std::int64_t wrong = 0;
    for (int bucket = flat.layout().bucket_count() - 1; bucket >= 0; --bucket) {
      exchange.wait(bucket);
      const auto range = flat.layout().bucket(bucket);
      for (std::int64_t at = range.begin; at < range.end; ++at) {
        wrong += values[at] != static_cast<float>(at);
      }
    }
    EXPECT_EQ(wrong, 0) << "at rank " << group.rank();
  });
}

std::string name_of_ranks(const ::testing::TestParamInfo<std::tuple<Hosts, bool>>& info) {
  const auto [hosts, reads_memory] = info.param;
  std::string name;
  for (const int host : hosts) name += std::to_string(host);
  return name + (reads_memory ? "_read" : "_send");
}

std::vector<Hosts> ranks_of_one_host() {
  std::vector<Hosts> ranks;
  for (std::size_t count = 1; count <= 8; ++count) ranks.emplace_back(count, 0);
  return ranks;
}

INSTANTIATE_TEST_SUITE_P(Ranks,
                         TreeExchangeRanks,
                         ::testing::Combine(::testing::ValuesIn(ranks_of_one_host()),
                                            ::testing::Bool()),
                         name_of_ranks);

INSTANTIATE_TEST_SUITE_P(Hosts,
                         TreeExchangeRanks,
                         ::testing::Combine(::testing::Values(Hosts{0, 0, 1},
                                                              Hosts{0, 1, 1},
                                                              Hosts{0, 0, 1, 1},
                                                              Hosts{0, 0, 0, 1, 1},
                                                              Hosts{0, 1, 1, 1, 2, 2},
                                                              Hosts{0, 0, 0, 1, 1, 1, 2},
                                                              Hosts{0, 0, 0, 0, 1, 1, 1, 1},
                                                              Hosts{0, 0, 1, 1, 2, 2, 3, 3}),
                                            ::testing::Bool()),
                         name_of_ranks);

TEST(TreeExchange, WouldBeSeenToAddInAnotherOrder) {
  const LaneGradients lanes = all_lane_gradients(4096, 1);
  int differ = 0;
  for (std::size_t element = 0; element < 4096; ++element) {
    float in_a_row = 0.0F;
    for (const auto& lane : lanes) in_a_row += lane[element];
    differ += in_a_row != tree_sum(lanes, element, 0, kLanes);
  }
  EXPECT_GT(differ, 400);
}

/// Rank 0 of 2 that counts the operations it is asked for; none of them moves anything.
class CountingGroup : public ProcessGroup {
 public:
  CountingGroup() : ProcessGroup(0, 2) {}
  void abandon() noexcept override {}
  int started = 0;

 protected:
  Pending start(Exchange exchange) override {
    EXPECT_EQ(exchange.operation, Operation::kAllToAll);
    ++started;
    return {};
  }
};

TEST(TreeExchange, SendsEachBucketAsSoonAsItsLastLaneIsDone) {
  CountingGroup group;
  FlatParameters flat(parameters(), kBucketElements);
  TreeExchange exchange(group, flat, {0, 2, 4});
  for (int bucket = 0; bucket < flat.layout().bucket_count(); ++bucket) {
    exchange.lane_done(0, bucket);
  }
  EXPECT_EQ(group.started, 0);
  for (int bucket = 0; bucket < flat.layout().bucket_count(); ++bucket) {
    exchange.lane_done(1, bucket);
    EXPECT_EQ(group.started, bucket + 1);
  }
}

TEST(TreeExchange, GatherStartsAndWaitEndsOneBucket) {
  run_ranks(2, [](ProcessGroup& group) {
    FlatParameters flat(parameters(), kBucketElements);
    TreeExchange exchange(group, flat, lanes_of_rank(group.rank(), 2, 2));
    const auto range = flat.layout().owned(0, group.rank(), 2);
    flat.values().narrow(0, range.begin, range.size()).fill_(1.0 + group.rank());
    exchange.gather();  // returns on both ranks before either waits
    group.barrier().wait();
    exchange.wait(0);
    exchange.wait(0);
    const auto bucket = flat.layout().bucket(0);
    EXPECT_EQ(flat.values()[bucket.begin].item<float>(), 1.0F);
    EXPECT_EQ(flat.values()[bucket.end - 1].item<float>(), 2.0F);
    for (int other = 1; other < flat.layout().bucket_count(); ++other) exchange.wait(other);
    EXPECT_THROW(exchange.wait(flat.layout().bucket_count()), pipeline::Error);
  });
}

/// The message of the error that a call throws.
template <typename Call>
std::string error_text(const Call& call) {
  try {
    call();
  } catch (const pipeline::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(TreeExchange, RefusesLanesThatAreNotItsOwn) {
  const auto group = make_solo_group({});
  FlatParameters flat(parameters(), kBucketElements);
  const auto make = [&](Lanes lanes) {
    return error_text([&] { TreeExchange(*group, flat, lanes); });
  };
  EXPECT_THAT(make({0, 6, 6}), HasSubstr("6 lanes: not a power of two"));
  EXPECT_THAT(make({0, 2, 4}), HasSubstr("was given 2 lanes from 0, its own are 4 from 0"));
  CountingGroup two;
  EXPECT_THAT(error_text([&] { TreeExchange(two, flat, {0, 1, 1}); }), HasSubstr("2 ranks"));
}

TEST(TreeExchange, RefusesALaneOutOfTurn) {
  const auto group = make_solo_group({});
  FlatParameters flat(parameters(), kBucketElements);
  TreeExchange exchange(*group, flat, {0, 2, 2});
  EXPECT_THAT(error_text([&] { exchange.lane_done(1, 0); }), HasSubstr("lane 1 of bucket 0"));
  EXPECT_THAT(error_text([&] { exchange.lane_done(0, 3); }), HasSubstr("bucket 3 of 3"));
  EXPECT_THAT(error_text([&] { exchange.lane_done(0, 1); }),
              HasSubstr("bucket 1 of lane 0 before"));
  exchange.lane_done(0, 0);
  EXPECT_THAT(error_text([&] { exchange.lane_done(0, 0); }), HasSubstr("lane 0 of bucket 0"));
}

TEST(TreeExchange, RefusesToReduceBeforeAllLanesAreDone) {
  const auto group = make_solo_group({});
  FlatParameters flat(parameters(), kBucketElements);
  TreeExchange exchange(*group, flat, {0, 1, 1});
  exchange.lane_done(0, 0);
  EXPECT_THAT(error_text([&] { exchange.reduce(); }), HasSubstr("bucket 1 has 0 of my 1 lanes"));
}

TEST(TreeExchange, ReportsALostPeerOfItsHostFromTheNextBucket) {
  auto groups = make_thread_groups(3, {.reads_memory = false, .hosts = {0, 0, 1}});
  FlatParameters flat(parameters(), kBucketElements);
  TreeExchange exchange(*groups[0], flat, {0, 1, 4});
  exchange.lane_done(0, 0);
  groups[1]->abandon();
  EXPECT_THAT(error_text([&] { exchange.lane_done(0, 1); }),
              HasSubstr("[all_to_all] rank 0 waited for rank 1, which has left"));
}

TEST(TreeExchange, AddsASingleBucketOverHosts) {
  run_ranks(
      4,
      [](ProcessGroup& group) {
        FlatParameters flat({{"p", at::zeros({9000}).set_requires_grad(true)}}, kBucketElements);
        TreeExchange exchange(group, flat, lanes_of_rank(group.rank(), 4, 4));
        flat.gradients().fill_(1 << group.rank());
        exchange.lane_done(group.rank(), 0);
        EXPECT_TRUE(exchange.reduce().eq(15.0).all().item<bool>());
      },
      30.0,
      /*reads_memory=*/false,
      {0, 0, 1, 1});
}

TEST(TreeExchange, SaysWhereALaneWaitsForItsHostsOthers) {
  auto groups = make_thread_groups(3, {.hosts = {0, 0, 1}});
  FlatParameters flat(parameters(), kBucketElements);
  const TreeExchange between_hosts(*groups[0], flat, {0, 2, 8});
  EXPECT_FALSE(between_hosts.lane_done_waits(1, 0));
  EXPECT_FALSE(between_hosts.lane_done_waits(0, 1));
  EXPECT_TRUE(between_hosts.lane_done_waits(1, 1));
  CountingGroup one_host;
  EXPECT_FALSE(TreeExchange(one_host, flat, {0, 2, 4}).lane_done_waits(1, 1));
}

TEST(TreeExchange, SaysHowManyRanksOfWhichHostsItReads) {
  auto groups = make_thread_groups(3, {.reads_memory = false, .hosts = {0, 0, 1}});
  FlatParameters flat(parameters(), kBucketElements);
  EXPECT_EQ(TreeExchange(*groups[1], flat, {1, 1, 4}).text(),
            "gradients of 3 ranks, hosts of 2, 1: added inside them, then between them; rank 1 "
            "reads 0 of 1 others' memory, messages carry the rest");
}

TEST(TreeExchange, ReportsALostPeerFromReduce) {
  auto groups = make_thread_groups(2, {"thread", 60.0});
  FlatParameters flat(parameters(), kBucketElements);
  TreeExchange exchange(*groups[0], flat, {0, 1, 2});
  for (int bucket = 0; bucket < flat.layout().bucket_count(); ++bucket) {
    exchange.lane_done(0, bucket);
  }
  groups[1]->abandon();
  EXPECT_THAT(error_text([&] { exchange.reduce(); }), HasSubstr("[all_to_all] rank 0"));
}

}  // namespace
}  // namespace larkspur::distributed
