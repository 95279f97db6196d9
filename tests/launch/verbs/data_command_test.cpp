// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <gtest/gtest.h>

#include "launch/verbs/commands.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

TEST(DataCommand, MakesTheCloudsItIsAskedFor) {
  const testing::TempDir dir;
  const std::string set = (dir.path() / "set").string();
  std::ostringstream out;
  Invocation call{"larkspur data",
                  {"make", "clouds", "--output", set, "--classes=2", "--train=1", "--test=1"},
                  out};
  run_data(call);
  EXPECT_EQ(out.str(), set + ": 2 classes, 1 training and 1 held-out shapes each\n");
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "set" / "cone" / "test" / "cone_0002.off"));
}

TEST(DataCommand, NeedsAnOutput) {
  std::ostringstream out;
  Invocation call{"larkspur data", {"make", "clouds"}, out};
  EXPECT_EQ(testing::refusal_of([&] { run_data(call); }),
            (testing::Refusal{"invalid argument",
                              "--output is required; see 'larkspur data make clouds --help'"}));
}

}  // namespace
}  // namespace larkspur::launch
