// SPDX-License-Identifier: Apache-2.0
#include "launch/config/config_schema.h"

#include <algorithm>
#include <limits>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/config_file.h"
#include "launch/config/model_options.h"

namespace larkspur::launch {
namespace {

using ::testing::IsEmpty;
using Extent = std::array<std::int64_t, 3>;
using Four = std::array<std::int64_t, 4>;

/// Another value of the same type that the key takes.
ConfigValue another_value(const ConfigKey& key, const ConfigValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return !*flag;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole + 4;
  if (const auto* real = std::get_if<double>(&value)) return *real / 2 + 0.125;
  if (std::holds_alternative<Extent>(value)) return Extent{3, 5, 9};
  if (std::holds_alternative<Four>(value)) return Four{4, 1, 2, 1};
  for (const std::string_view choice : key.choices) {
    if (choice != std::get<std::string>(value)) return std::string(choice);
  }
  return key.choices.empty() ? ConfigValue("a b: 'c' \"d\" #\n\xC3\xA9") : value;
}

TEST(ConfigKeys, EachLeadsToAFieldOfItsOwn) {
  for (const ConfigKey& key : config_keys()) {
    RunConfig changed;
    const ConfigValue other = another_value(key, key.get(changed));
    key.set(changed, other);
    EXPECT_EQ(key.get(changed), other) << key.path;
    const auto differing = differing_keys(RunConfig{}, changed);
    if (key.choices.size() == 1) continue;  // a single choice cannot differ
    ASSERT_EQ(differing.size(), 1U) << key.path;
    EXPECT_EQ(differing[0]->path, key.path);
  }
}

TEST(ConfigKeys, HaveNamesOfTheirOwnAndAMeaning) {
  std::set<std::string_view> paths;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path << " is there twice";
    EXPECT_FALSE(key.meaning.empty()) << key.path;
    EXPECT_EQ(find_config_key(key.path), &key);
    EXPECT_FALSE(is_config_section(key.path)) << key.path;
  }
}

TEST(ConfigKeys, DefaultsLieInTheirOwnBounds) {
  for (const ConfigKey& key : config_keys()) {
    const ConfigValue value = key.get(RunConfig{});
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      EXPECT_TRUE(key.bounds.contains(static_cast<double>(*whole))) << key.path;
    }
    if (const auto* real = std::get_if<double>(&value)) {
      EXPECT_TRUE(key.bounds.contains(*real)) << key.path;
    }
  }
}

TEST(ConfigSections, AreThePrefixesOfKeys) {
  EXPECT_TRUE(is_config_section("data"));
  EXPECT_TRUE(is_config_section("data.augmentation"));
  EXPECT_FALSE(is_config_section("data.trai"));
  EXPECT_FALSE(is_config_section("seed"));
  const auto names = config_names();
  EXPECT_EQ(std::count(names.begin(), names.end(), "data.train"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "train.lanes"), 1);
}

TEST(Bounds, SayWhatTheyTake) {
  EXPECT_EQ(Bounds{}.text(), "");
  EXPECT_EQ((Bounds{1, kNoBound}).text(), ">= 1");
  EXPECT_EQ((Bounds{0, kNoBound, true}).text(), "> 0");
  EXPECT_EQ((Bounds{0, 1, false, true}).text(), "in [0, 1)");
  EXPECT_TRUE((Bounds{0, 1, false, true}).contains(0));
  EXPECT_FALSE((Bounds{0, 1, false, true}).contains(1));
  EXPECT_FALSE((Bounds{0, kNoBound, true}).contains(0));
  EXPECT_FALSE((Bounds{0, 1}).contains(std::numeric_limits<double>::quiet_NaN()));
}

TEST(TextOfValue, IsYamlOfTheSameType) {
  EXPECT_EQ(text_of_value(true), "true");
  EXPECT_EQ(text_of_value(std::int64_t{5}), "5");
  EXPECT_EQ(text_of_value(5.0), "5.0");
  EXPECT_EQ(text_of_value(1e-3), "0.001");
  EXPECT_EQ(text_of_value(1e-8), "1e-08");
  EXPECT_EQ(text_of_value(Extent{5, 13, 13}), "[5, 13, 13]");
  EXPECT_EQ(text_of_value(Four{2, 1, 1, 1}), "[2, 1, 1, 1]");
  EXPECT_EQ(text_of_value(std::string("runs/demo_cloud")), "runs/demo_cloud");
}

TEST(TextOfValue, QuotesWhatWouldNotReadAsText) {
  EXPECT_EQ(text_of_value(std::string()), "\"\"");
  EXPECT_EQ(text_of_value(std::string("No")), "\"No\"");
  EXPECT_EQ(text_of_value(std::string("1e3")), "\"1e3\"");
  EXPECT_EQ(text_of_value(std::string("a: b")), "\"a: b\"");
  EXPECT_EQ(text_of_value(std::string("a\"b")), "\"a\\\"b\"");
}

void expect_read_back(const RunConfig& config) {
  const RunConfig read = parse_config(write_config(config), "saved").config;
  EXPECT_THAT(differing_keys(config, read), IsEmpty()) << write_config(config);
  EXPECT_EQ(write_config(read), write_config(config));
}

TEST(WriteConfig, IsReadBackEqualWhenEveryKeyIsChanged) {
  const ModelConfig defaults;
  RunConfig changed;
  for (const ConfigKey& key : config_keys()) {
    key.set(changed, another_value(key, key.get(changed)));
  }
  changed.data.kind = DataKind::kVideo;
  changed.eval.protocol = "mvit_5x1";
  changed.model.form = ModelForm::kClip;
  changed.data.crop = {0.25, 0.5, 1.1 + 2.2, true};
  changed.data.clip.by = pipeline::FrameSampling::kStride;  // what published protocols count
  changed.data.clip.seconds = 0.0;
  changed.train.lanes = 4;
  changed.train.global_batch = 24;
  changed.train.repeats = 2;
  changed.model.stem_stride = 4;
  changed.model.last_stride = 1;
  changed.data.augmentation.scale_max = 0.1 + 0.2 + 1;  // no short decimal
  // Keys that belong to some forms only take other values there.
  RunConfig joint = changed;
  changed.data.several_labels = false;
  changed.model.view_pooling = defaults.view_pooling;
  changed.model.view_stem_stride = defaults.view_stem_stride;
  changed.model.drawing_size = defaults.drawing_size;
  changed.model.view_weights = defaults.view_weights;
  changed.model.view_taps = defaults.view_taps;
  changed.model.map_pooling = defaults.map_pooling;
  changed.model.cell_grid = defaults.cell_grid;
  changed.data.cells = readers::VoxelValue::kOccupancy;
  expect_read_back(changed);
  joint.data.kind = DataKind::kCloud;
  joint.model.form = ModelForm::kJoint;
  joint.model.view_stem_stride = 2;
  joint.model.view_taps = 9;
  joint.model.drawing_size = defaults.drawing_size;
  joint.model.map_pooling = defaults.map_pooling;
  joint.model.cell_grid = defaults.cell_grid;
  joint.model.temporal_strides = defaults.temporal_strides;
  joint.model.temporal_taps = defaults.temporal_taps;
  joint.model.separable_time = defaults.separable_time;
  joint.model.time_padding = defaults.time_padding;
  joint.model.inflation = defaults.inflation;
  joint.train.mix = {};
  joint.train.label_smoothing = 0.0;
  joint.eval.protocol = "rotate12";
  joint.eval.size = 0;
  expect_read_back(joint);
  RunConfig points = joint;
  points.model.form = ModelForm::kPoints;
  points.model.kernel = {1, 5, 9};
  points.model.view_stem_stride = defaults.view_stem_stride;
  points.model.drawing_size = 48;
  points.model.view_weights = defaults.view_weights;
  points.model.view_taps = defaults.view_taps;
  points.data.cells = readers::VoxelValue::kOccupancy;
  expect_read_back(points);
}

TEST(WriteConfig, IsReadBackEqualWithClipsOfSeconds) {
  RunConfig config = config_of_form("differences");
  config.data.kind = DataKind::kVideo;
  config.data.clip.by = pipeline::FrameSampling::kSeconds;
  config.data.clip.seconds = 2.5;
  expect_read_back(config);
}

TEST(ConfigChanges, NameBothValues) {
  RunConfig now;
  now.seed = 2;
  now.train.threads = 3;
  now.model.kernel = {5, 13, 13};
  const auto changes = config_changes(RunConfig{}, now);
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[0].key->path, "seed");
  EXPECT_EQ(changes[0].saved, "1");
  EXPECT_EQ(changes[0].now, "2");
  EXPECT_EQ(changes[1].now, "[5, 13, 13]");
  EXPECT_EQ(changes[2].key->rule, ResumeRule::kMayDiffer);
}

std::set<std::string_view> paths_where(bool (*holds)(const ConfigKey&)) {
  std::set<std::string_view> paths;
  for (const ConfigKey& key : config_keys()) {
    if (holds(key)) paths.insert(key.path);
  }
  return paths;
}

TEST(ResumeRules, LeaveFreeOnlyWhatDoesNotChangeTheResult) {
  EXPECT_EQ(paths_where([](const ConfigKey& key) { return key.rule == ResumeRule::kMayChange; }),
            (std::set<std::string_view>{"output",
                                        "device",
                                        "resume",
                                        "data.eval.list",
                                        "data.eval.root",
                                        "data.eval.labels",
                                        "data.eval.split",
                                        "data.index_cache",
                                        "data.max_bad_fraction",
                                        "data.subset",
                                        "data.workers",
                                        "train.checkpoint_every",
                                        "train.deadline_seconds",
                                        "train.keep",
                                        "train.keep_every",
                                        "train.evaluate_every",
                                        "train.stop_after_steps",
                                        "train.tensorboard",
                                        "eval.on",
                                        "eval.protocol",
                                        "eval.size",
                                        "eval.batch",
                                        "eval.bad_samples"}));
  EXPECT_EQ(paths_where([](const ConfigKey& key) { return key.rule == ResumeRule::kSameSamples; }),
            (std::set<std::string_view>{
                "data.train.list", "data.train.root", "data.train.labels", "data.train.split"}));
  EXPECT_EQ(paths_where([](const ConfigKey& key) { return key.rule == ResumeRule::kNotRead; }),
            (std::set<std::string_view>{"model.inflation",
                                        "model.enlarge",
                                        "model.weights",
                                        "model.view_weights",
                                        "model.new_head",
                                        "train.minutes"}));
}

TEST(KeyRoles, TheArchitectureIsAllOfTheModelButItsFirstWeights) {
  EXPECT_EQ(paths_where([](const ConfigKey& key) {
              return key.path.starts_with("model.") && !key.is_architecture();
            }),
            (std::set<std::string_view>{"model.inflation",
                                        "model.enlarge",
                                        "model.drop_path",
                                        "model.layer_scale",
                                        "model.head_scale",
                                        "model.weights",
                                        "model.view_weights",
                                        "model.new_head",
                                        "model.freeze_stages"}));
}

TEST(RetiredKeys, LeadToKeysThereAreAndAreNoKeysThemselves) {
  for (const RetiredKey& retired : retired_keys()) {
    EXPECT_EQ(find_config_key(retired.path), nullptr) << retired.path;
    EXPECT_TRUE(retired.now.empty() || find_config_key(retired.now) != nullptr) << retired.path;
  }
}

}  // namespace
}  // namespace larkspur::launch
