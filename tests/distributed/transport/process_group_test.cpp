// SPDX-License-Identifier: Apache-2.0
// What all transports check alike, seen on a group of one.
#include "distributed/transport/process_group.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/solo_group.h"
#include "pipeline/error.h"
#include "tests/support/group_operations.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::Bytes;
using pipeline::Error;

TEST(SoloGroup, RunsEveryOperationAsAGroupOfOne) {
  const auto group = make_solo_group({});
  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->size(), 1);
  for (const std::size_t scale : {1U, 1000U}) testing::check_all_to_all(*group, scale);
  testing::check_all_gather_in_place(*group);
  testing::check_broadcast(*group);
  testing::check_many_under_way(*group);
  EXPECT_NO_THROW(group->barrier().wait());
}

TEST(SoloGroup, CopiesWhatItSendsItself) {
  const auto group = make_solo_group({});
  const Bytes sent = testing::message(1, 2, 100);
  Bytes received(100);
  group->all_to_all(std::array{ConstBlock(sent)}, std::array{Block(received)}).wait();
  EXPECT_EQ(received, sent);
}

TEST(ProcessGroup, RefusesAnotherNumberOfBlocksThanRanks) {
  const auto group = make_solo_group({});
  EXPECT_THROW(group->all_to_all({}, {}), Error);
  EXPECT_THROW(group->all_gather({}, std::array<Block, 2>{}), Error);
}

TEST(ProcessGroup, RefusesToSendItselfMoreThanItReceives) {
  const auto group = make_solo_group({});
  const Bytes sent(3);
  Bytes received(2);
  EXPECT_THROW(group->all_gather(sent, std::array{Block(received)}), Error);
}

TEST(ProcessGroup, RefusesARootOutsideTheGroup) {
  const auto group = make_solo_group({});
  EXPECT_THROW(group->broadcast({}, 1), Error);
  EXPECT_THROW(group->broadcast({}, -1), Error);
}

TEST(ProcessGroup, RefusesADeadlineThatIsNotPositive) {
  EXPECT_THROW(make_solo_group({"solo", -1.0}), Error);
}

TEST(Pending, HasNothingToWaitForAtFirstAndAfterwards) {
  Pending pending;
  EXPECT_NO_THROW(pending.wait());
  pending = make_solo_group({})->barrier();
  pending.wait();
  EXPECT_NO_THROW(pending.wait());
}

}  // namespace
}  // namespace larkspur::distributed
