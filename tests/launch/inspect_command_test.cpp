// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "launch/commands.h"
#include "launch/config_file.h"
#include "launch/config_table.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

std::string inspected(std::vector<std::string> arguments) {
  std::ostringstream out;
  Invocation call{"larkspur inspect", std::move(arguments), out};
  run_inspect(call);
  return out.str();
}

TEST(InspectCommand, ShowsTheDefaultsWithoutAFile) {
  EXPECT_EQ(inspected({"config"}), config_table({}));
  EXPECT_EQ(inspected({"config", "--markdown"}), config_table_markdown());
}

TEST(InspectCommand, ShowsWhatAFileAndItsOverridesSet) {
  const testing::TempDir dir;
  const std::string file = (dir.path() / "x.yaml").string();
  std::ofstream(file) << "seed: 9\n";
  EXPECT_EQ(inspected({"config", file, "train.epochs=3"}),
            config_table(load_config(file, {"train.epochs=3"})));
}

}  // namespace
}  // namespace larkspur::launch
