// SPDX-License-Identifier: Apache-2.0
#include "launch/run/exit_code.h"

#include <array>
#include <tuple>

#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

using pipeline::Errc;

TEST(ExitCode, IsTheOneOfTheTable) {
  struct Row {
    Errc code;
    std::array<int, 3> exits;  // at the start, at a checkpoint, in the run
  };
  const Row rows[] = {
      {Errc::kInvalidArgument, {2, 4, 2}},
      {Errc::kNotFound, {2, 4, 3}},
      {Errc::kCorruptData, {3, 4, 3}},
      {Errc::kUnsupported, {3, 4, 3}},
      {Errc::kIo, {2, 4, 4}},
      {Errc::kDevice, {5, 5, 5}},
      {Errc::kCollective, {5, 5, 5}},
      {Errc::kCancelled, {75, 75, 75}},
  };
  for (const Row& row : rows) {
    const std::array<int, 3> exits{exit_code(row.code, Phase::kStart),
                                   exit_code(row.code, Phase::kCheckpoint),
                                   exit_code(row.code, Phase::kRun)};
    EXPECT_EQ(exits, row.exits) << name_of(row.code);
  }
}

TEST(ExitCode, OfACodeOutsideTheSetIsABug) {
  EXPECT_EQ(exit_code(static_cast<Errc>(200), Phase::kRun), 70);
}

}  // namespace
}  // namespace larkspur::launch
