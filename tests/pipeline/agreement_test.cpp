// SPDX-License-Identifier: Apache-2.0
#include "pipeline/agreement.h"

#include <gtest/gtest.h>

#include "distributed/group_peers.h"
#include "pipeline/error.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::pipeline {
namespace {

TEST(Agreement, HandsEveryRankAllResults) {
  testing::run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupPeers peers(group);
    const auto results =
        agree(peers, [&] { return std::string(1, static_cast<char>('a' + peers.rank())); });
    EXPECT_EQ(results, (std::vector<std::string>{"a", "b", "c"}));
  });
}

TEST(Agreement, MakesOneRanksFailureEveryRanksWithItsCode) {
  testing::run_ranks(3, [](distributed::ProcessGroup& group) {
    distributed::GroupPeers peers(group);
    const auto fails_on_two = [&]() -> std::string {
      if (peers.rank() == 2) throw Error(Errc::kIo, "disk full");
      return "fine";
    };
    try {
      agree(peers, fails_on_two);
      ADD_FAILURE() << "rank " << peers.rank() << " went on alone";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kIo);
      EXPECT_STREQ(error.what(), "rank 2: disk full");
    }
    EXPECT_EQ(agree(peers, [] { return std::string("again"); }).size(), 3U);
  });
}

}  // namespace
}  // namespace larkspur::pipeline
