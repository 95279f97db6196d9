// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/command_line.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::refusal_of;

/// A verb with one of each kind of argument.
struct Example {
  std::string config, report = "runs/report", checkpoint;
  std::vector<std::string> overrides;
  std::int64_t seed = 1;
  bool digest = false;
  std::ostringstream out;

  bool parse(const std::vector<std::string>& words) {
    Invocation call{"larkspur eval", words, out};
    CommandLine line(call, "Evaluates.", "a.yaml --checkpoint runs/a");
    line.argument("CONFIG", "YAML file", config);
    line.rest("OVERRIDES", "key=value", overrides);
    line.required_option("--checkpoint", "where to load from", checkpoint);
    line.option("--report", "folder", report);
    line.option("--seed", "draws", seed);
    line.flag("--digest", "one line", digest);
    return line.parse();
  }

  std::string refusal(const std::vector<std::string>& words) {
    const auto refusal = refusal_of([&] { parse(words); });
    EXPECT_EQ(refusal.code, "invalid argument");
    return refusal.text;
  }
};

TEST(CommandLine, FillsTheCallersVariables) {
  Example example;
  EXPECT_TRUE(example.parse({"a.yaml",
                             "--checkpoint",
                             "runs/a",
                             "train.lanes=2",
                             "--seed=7",
                             "train.clip_norm=-1",
                             "--digest"}));
  EXPECT_EQ(example.config, "a.yaml");
  EXPECT_EQ(example.checkpoint, "runs/a");
  EXPECT_EQ(example.seed, 7);
  EXPECT_TRUE(example.digest);
  EXPECT_THAT(example.overrides, ElementsAre("train.lanes=2", "train.clip_norm=-1"));
}

TEST(CommandLine, KeepsWhatIsNotGiven) {
  Example example;
  EXPECT_TRUE(example.parse({"a.yaml", "--checkpoint", "runs/a"}));
  EXPECT_EQ(example.report, "runs/report");
  EXPECT_EQ(example.seed, 1);
  EXPECT_FALSE(example.digest);
  EXPECT_THAT(example.overrides, IsEmpty());
}

TEST(CommandLine, HelpShowsDefaultsAndAnExample) {
  Example example;
  EXPECT_FALSE(example.parse({"--help"}));
  EXPECT_THAT(example.out.str(), HasSubstr("Evaluates."));
  EXPECT_THAT(example.out.str(), HasSubstr("larkspur eval a.yaml --checkpoint runs/a"));
  EXPECT_THAT(example.out.str(), HasSubstr("runs/report"));
}

TEST(CommandLine, RefusesWhatIsMissingUnknownOrOfTheWrongType) {
  Example example;
  const std::string help = "; see 'larkspur eval --help'";
  EXPECT_EQ(example.refusal({"a.yaml"}), "--checkpoint is required" + help);
  EXPECT_EQ(example.refusal({"--checkpoint", "runs/a"}), "CONFIG is required" + help);
  EXPECT_THAT(example.refusal({"a.yaml", "--checkpoint", "x", "--seed", "two"}), HasSubstr("two"));
  EXPECT_THAT(example.refusal({"a.yaml", "--chekpoint", "x"}),
              HasSubstr("; did you mean '--checkpoint'?" + help));
}

}  // namespace
}  // namespace larkspur::launch
