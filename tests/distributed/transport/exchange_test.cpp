// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using ::testing::ElementsAre;

TEST(Exchange, HasAMessageForEachPairButNoneToItself) {
  const Exchange exchange{Operation::kAllToAll, 0, {}, {}};
  EXPECT_TRUE(exchange.has_message(0, 1));
  EXPECT_TRUE(exchange.has_message(2, 0));
  EXPECT_FALSE(exchange.has_message(1, 1));
}

TEST(Exchange, BroadcastsFromItsRootOnly) {
  const Exchange exchange{Operation::kBroadcast, 2, {}, {}};
  EXPECT_TRUE(exchange.has_message(2, 0));
  EXPECT_FALSE(exchange.has_message(0, 2));
  EXPECT_FALSE(exchange.has_message(2, 2));
}

Exchange between_hosts(Operation operation, Route route, std::vector<int> hosts) {
  const std::size_t ranks = hosts.size();
  return {operation,
          0,
          std::vector<ConstBlock>(ranks),
          std::vector<Block>(ranks),
          "",
          route,
          std::make_shared<const HostMap>(std::move(hosts))};
}

TEST(Exchange, GoesInsideAHostOrAcrossToWhomTheSenderStandsFor) {
  const auto inside = between_hosts(Operation::kAllToAll, Route::kInside, {0, 0, 0, 1, 1});
  EXPECT_TRUE(inside.has_message(0, 2));
  EXPECT_FALSE(inside.has_message(0, 3));
  const auto across = between_hosts(Operation::kAllToAll, Route::kAcross, {0, 0, 0, 1, 1});
  EXPECT_FALSE(across.has_message(0, 2));
  EXPECT_TRUE(across.has_message(0, 3));
  EXPECT_FALSE(across.has_message(0, 4));
  EXPECT_TRUE(across.has_message(3, 2));   // which host 0's rank 3 has in place 2 modulo 2 ...
  EXPECT_FALSE(across.has_message(2, 3));  // ... but nothing goes back that way
}

TEST(Exchange, RelaysWhatAnotherHostsCounterpartGot) {
  const auto gather = between_hosts(Operation::kAllGather, Route::kRelayed, {0, 0, 0, 1, 1});
  EXPECT_THAT(gather.received(4),
              ElementsAre(Message{3, 3}, Message{1, 1}, Message{3, 0}, Message{3, 2}));
  EXPECT_THAT(gather.sent(3), ElementsAre(Message{4, 4}, Message{0, 0}));
  EXPECT_THAT(gather.passed_on(3), ElementsAre(Message{4, 0}, Message{4, 2}));
  EXPECT_THAT(gather.passed_on(0), ElementsAre(Message{1, 3}, Message{2, 3}));
  EXPECT_THAT(gather.passed_on(2), ElementsAre());
  const auto one_host = between_hosts(Operation::kAllGather, Route::kRelayed, {0, 0});
  EXPECT_THAT(one_host.received(0), ElementsAre(Message{1, 1}));
  EXPECT_THAT(one_host.passed_on(0), ElementsAre());
}

TEST(BlockParts, TileABlockWithoutALimitExceeded) {
  EXPECT_THAT(parts_of(25, 10), ElementsAre(BlockPart{0, 10}, BlockPart{10, 10}, BlockPart{20, 5}));
  EXPECT_THAT(parts_of(20, 10), ElementsAre(BlockPart{0, 10}, BlockPart{10, 10}));
  EXPECT_THAT(parts_of(3, 10), ElementsAre(BlockPart{0, 3}));
}

TEST(BlockParts, KeepAnEmptyBlockAMessage) {
  EXPECT_THAT(parts_of(0, 10), ElementsAre(BlockPart{0, 0}));
}

TEST(ExchangeErrors, NameOperationRankDeadlineAndPeers) {
  const auto late = late_error(Operation::kAllToAll, 3, 60.0, {1, 4});
  EXPECT_EQ(late.code(), Errc::kCollective);
  EXPECT_STREQ(late.what(), "[all_to_all] rank 3 waited 60 s, the deadline, for rank 1, 4");
  EXPECT_STREQ(late_error(Operation::kBarrier, 0, 1.5, {}).what(),
               "[barrier] rank 0 waited 1.5 s, the deadline, for peers unknown");
  EXPECT_STREQ(lost_error(Operation::kAllGather, 0, 60.0, {2}).what(),
               "[all_gather] rank 0 waited for rank 2, which has left (deadline 60 s)");
}

TEST(ExchangeErrors, KeepTheCodeOfTheFirstError) {
  const auto broken = broken_error(Operation::kBroadcast, 1, {Errc::kInvalidArgument, "sizes"});
  EXPECT_EQ(broken.code(), Errc::kInvalidArgument);
  EXPECT_STREQ(broken.what(), "[broadcast] rank 1 cannot go on: sizes");
}

}  // namespace
}  // namespace larkspur::distributed
