// SPDX-License-Identifier: Apache-2.0
#include "pipeline/all_or_none.h"

#include <gtest/gtest.h>

#include "distributed/group_communicator.h"
#include "pipeline/error.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::pipeline {
namespace {

TEST(Agreement, HandsEveryRankAllResults) {
  testing::run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupCommunicator communicator(group);
    const auto results = all_or_none(
        communicator, [&] { return std::string(1, static_cast<char>('a' + communicator.rank())); });
    EXPECT_EQ(results, (std::vector<std::string>{"a", "b", "c"}));
  });
}

TEST(Agreement, MakesOneRanksFailureEveryRanksWithItsCode) {
  testing::run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupCommunicator communicator(group);
    const auto fails_on_two = [&]() -> std::string {
      if (communicator.rank() == 2) throw Error(Errc::kIo, "disk full");
      return "fine";
    };
    try {
      all_or_none(communicator, fails_on_two);
      ADD_FAILURE() << "rank " << communicator.rank() << " went on alone";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kIo);
      EXPECT_STREQ(error.what(), "rank 2: disk full");
    }
    EXPECT_EQ(all_or_none(communicator, [] { return std::string("again"); }).size(), 3U);
  });
}

}  // namespace
}  // namespace larkspur::pipeline
