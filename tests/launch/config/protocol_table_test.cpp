// SPDX-License-Identifier: Apache-2.0
#include "launch/config/protocol_table.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/plan/protocol.h"

namespace larkspur::launch {
namespace {

using ::testing::ContainsRegex;

TEST(ProtocolTable, HasALineAProtocolWithItsSource) {
  std::istringstream text(protocol_table());
  std::string line;
  std::getline(text, line);
  EXPECT_THAT(line, ::testing::StartsWith("protocol "));
  for (const pipeline::Protocol& protocol : pipeline::protocols()) {
    std::getline(text, line);
    EXPECT_THAT(line, ::testing::StartsWith(std::string(protocol.name) + " "));
    EXPECT_THAT(line, ::testing::EndsWith(" " + std::string(protocol.source)));
  }
}

TEST(ProtocolTable, SaysViewsSizesAndHowViewsBecomeOne) {
  const std::string text = protocol_table();
  EXPECT_THAT(text, ContainsRegex("mvit_5x1 +video +5 x 1 +256 to 224 +probabilities"));
  EXPECT_THAT(text, ContainsRegex("rotate40 +cloud +40 +- +logits +farthest points"));
  EXPECT_THAT(text, ContainsRegex("center +video, image, cloud +1 +data.size"));
  EXPECT_THAT(protocol_table_markdown(),
              ContainsRegex("\\| `x3d_l_10` \\| video \\| 10 x 1 \\| 356 to 312 \\|"));
}

}  // namespace
}  // namespace larkspur::launch
