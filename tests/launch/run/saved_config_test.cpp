// SPDX-License-Identifier: Apache-2.0
#include "launch/run/saved_config.h"

#include <gmock/gmock.h>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "launch/run/assemble.h"
#include "tests/support/refusal.h"
#include "tests/support/solo_communicator.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::larkspur::testing::refusal_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// What a comparison refuses, and what it leaves in the log.
struct Said {
  std::string refusal;
  std::string log;
};

template <typename Compare>
Said said_by(const Compare& compare) {
  ::testing::internal::CaptureStderr();
  const std::string refusal = refusal_of(compare).text;
  return {refusal, ::testing::internal::GetCapturedStderr()};
}

Said resume(const LoadedConfig& saved, const RunConfig& now) {
  return said_by([&] { compare_for_resume(saved, now, "ckpt"); });
}

TEST(CompareForResume, RefusesWhatMustMatchNamingBothValues) {
  RunConfig now;
  now.seed = 5;
  now.model.variant = "t";
  now.output = "elsewhere";
  EXPECT_THAT(resume({}, now).refusal,
              AllOf(HasSubstr("ckpt"),
                    HasSubstr("seed is 1 there and 5 here"),
                    HasSubstr("model.variant is micro there and t here"),
                    HasSubstr("model.weights=ckpt begins it from these weights"),
                    Not(HasSubstr("output is"))));
}

TEST(CompareForResume, GoesOnWhereNoBitChangesAndSaysBothValues) {
  RunConfig now;
  now.data.train.root = "copied/clouds";
  now.data.eval.list = "other.txt";
  now.data.max_bad_fraction = 0.5;
  const Said said = resume({}, now);
  EXPECT_EQ(said.refusal, "");
  EXPECT_THAT(said.log,
              AllOf(HasSubstr("data.train.root was \"\", is copied/clouds"),
                    HasSubstr("data.eval.list was \"\", is other.txt"),
                    HasSubstr("data.max_bad_fraction was 0.01, is 0.5")));
  EXPECT_EQ(resume({}, {}).log, "");
}

TEST(CompareForResume, WarnsOfThreadsAndOfWeightsThatAreNotReadAnyMore) {
  RunConfig now;
  now.train.threads = 2;
  now.model.weights = "moved.pth";
  const Said said = resume({}, now);
  EXPECT_EQ(said.refusal, "");
  EXPECT_THAT(said.log,
              AllOf(HasSubstr("train.threads was 1, is 2: bits may differ"),
                    HasSubstr("model.weights was none, is moved.pth: not read any more")));
}

TEST(CompareForResume, AnUnknownKeyIsRefusedUnlessItIsOfEvaluations) {
  const LoadedConfig saved = parse_config("train: {swirl: 3}\neval: {crops: 5}\n", "saved");
  EXPECT_THAT(
      resume(saved, {}).refusal,
      AllOf(
          HasSubstr("train.swirl: '3'"), HasSubstr("model.weights=ckpt"), Not(HasSubstr("crops"))));
  const Said said =
      resume(parse_config("eval: {crops: 5}\n", "saved"), parse_config("", "now").config);
  EXPECT_EQ(said.refusal, "");
  EXPECT_THAT(said.log, HasSubstr("passed over, nothing here depends on them: eval.crops: '5'"));
}

TEST(CompareForEvaluation, RefusesAnotherArchitectureAndWarnsOfOtherSamples) {
  RunConfig now;
  now.seed = 5;
  now.train.epochs = 99;
  now.data.grid = 24;
  const Said said = said_by([&] { compare_for_evaluation({}, now, "ckpt"); });
  EXPECT_EQ(said.refusal, "");
  EXPECT_THAT(said.log, HasSubstr("data.grid is 24, the checkpoint was trained with 32"));
  EXPECT_THAT(said.log, Not(HasSubstr("epochs")));
  for (const ConfigKey& key : config_keys()) {
    if (!key.is_architecture() || key.path == "model.variant") continue;
    RunConfig other;
    const ConfigValue value = key.get(other);
    if (const auto* whole = std::get_if<std::int64_t>(&value)) key.set(other, *whole + 1);
    if (const auto* flag = std::get_if<bool>(&value)) key.set(other, !*flag);
    if (key.get(other) == value) continue;
    EXPECT_THAT(said_by([&] { compare_for_evaluation({}, other, "ckpt"); }).refusal,
                HasSubstr(std::string(key.path) + " is "));
  }
}

/// A checkpoint whose manifest holds the text as its configuration.
pipeline::Checkpoint checkpoint_with(const std::filesystem::path& folder, const std::string& text) {
  RunConfig config;
  config.model.classes = 2;
  const auto network = make_network(config);
  pipeline::TrainState state(*network, 1 << 20, 0, 1, {});
  testing::SoloCommunicator communicator;
  pipeline::RunIdentity identity;
  identity.config = text;
  return pipeline::Checkpoint(save_checkpoint({folder, 3}, state, identity, communicator));
}

TEST(ConfigOf, PassesOverUnknownKeysUnlessTheyMayBeAnotherNetwork) {
  const testing::TempDir folder;
  const auto trained =
      checkpoint_with(folder.path() / "a", "model: {classes: 2}\ntrain: {swirl: 3}\n");
  const Said said = said_by([&] { EXPECT_EQ(config_of(trained).model.classes, 2); });
  EXPECT_EQ(said.refusal, "");
  EXPECT_THAT(said.log, HasSubstr("train.swirl: '3'"));
  const auto other = checkpoint_with(folder.path() / "b", "model: {classes: 2, tiling: 3}\n");
  EXPECT_THAT(said_by([&] { (void)config_of(other); }).refusal,
              AllOf(HasSubstr("manifest.json"), HasSubstr("model.tiling: '3'")));
}

}  // namespace
}  // namespace larkspur::launch
