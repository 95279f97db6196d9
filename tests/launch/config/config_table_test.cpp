// SPDX-License-Identifier: Apache-2.0
#include "launch/config/config_table.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/config_schema.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

TEST(ConfigTable, HasALineAKeyAndAHeading) {
  std::istringstream text(config_table({}));
  std::string line;
  std::getline(text, line);
  EXPECT_THAT(line, ::testing::StartsWith("key "));
  for (const ConfigKey& key : config_keys()) {
    std::getline(text, line);
    EXPECT_THAT(line, ::testing::StartsWith(std::string(key.path) + " "));
    EXPECT_THAT(line, HasSubstr(pipeline::text_of(" ", key.full_meaning(), " ")));
    EXPECT_THAT(line, ::testing::EndsWith(" default"));
  }
  EXPECT_FALSE(std::getline(text, line));
}

TEST(ConfigTable, SaysWhereAValueComesFrom) {
  LoadedConfig loaded;
  loaded.config.train.lanes = 8;
  loaded.origins["train.lanes"] = "c.yaml:9";
  EXPECT_THAT(config_table(loaded), ::testing::ContainsRegex("train.lanes +8 .* c.yaml:9\n"));
}

TEST(ConfigTableMarkdown, SaysWhatAResumedRunMayChange) {
  const std::string text = config_table_markdown();
  EXPECT_THAT(text, HasSubstr("| `train.lanes` | `4` | a whole number in [1, 65536] | "));
  EXPECT_THAT(text, ::testing::ContainsRegex("`seed` .* must match \\|\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("`output` .* may change \\|\n"));
  EXPECT_THAT(text,
              ::testing::ContainsRegex(
                  "`data.train.list` .* may change, samples and classes must match \\|\n"));
  EXPECT_THAT(text,
              ::testing::ContainsRegex(
                  "`train.threads` .* may change, with a warning: bits may differ \\|\n"));
}

TEST(ConfigTableMarkdown, SaysWhichFormsTakeAKey) {
  EXPECT_THAT(config_table_markdown(), HasSubstr("| form points: width and height of"));
}

}  // namespace
}  // namespace larkspur::launch
