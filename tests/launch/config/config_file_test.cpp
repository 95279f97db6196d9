// SPDX-License-Identifier: Apache-2.0
#include "launch/config/config_file.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/config_schema.h"
#include "model3d/forms.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::IsEmpty;
using testing::Refusal;
using testing::refusal_of;

constexpr const char* kInvalid = "invalid argument";
constexpr const char* kMissing = "not found";

class ConfigFile : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    const auto path = dir_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }

  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }

  /// What becomes of a file x.yaml with this text, its name cut from the front of the message.
  Refusal refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
    const std::string file = write("x.yaml", text);
    Refusal refusal = refusal_of([&] { load_config(file, overrides); });
    if (refusal.text.starts_with(file)) refusal.text.replace(0, file.size(), "x.yaml");
    return refusal;
  }

  testing::TempDir dir_;
};

TEST_F(ConfigFile, SetsWhatItNamesAndKeepsTheDefaultsOfTheRest) {
  const std::string file = write("x.yaml",
                                 "seed: 7\n"
                                 "data:\n"
                                 "  train: {list: a.txt, root: clouds}\n"
                                 "  augmentation: {rotate_up: true, shift: 2e-1}\n"
                                 "model: {kernel: [5, 13, 13]}\n"
                                 "eval:\n  bad_samples: exclude\n");
  const LoadedConfig loaded = load_config(file);
  RunConfig expected;
  expected.seed = 7;
  expected.data.train.list = "a.txt";
  expected.data.train.root = "clouds";
  expected.data.augmentation.rotate_up = true;
  expected.data.augmentation.shift = 0.2;
  expected.model.kernel = {5, 13, 13};
  expected.model.stem_stride = 2;  // the form's
  expected.eval.bad_samples = BadSampleRule::kExclude;
  EXPECT_THAT(differing_keys(loaded.config, expected), IsEmpty());
  EXPECT_EQ(loaded.origins.at("data.train.root"), file + ":3");
  EXPECT_EQ(loaded.origins.at("eval.bad_samples"), file + ":7");
  EXPECT_FALSE(loaded.origins.contains("train.lanes"));
}

TEST_F(ConfigFile, AnEmptyFileIsTheDefaults) {
  RunConfig defaults;
  defaults.model.kernel = {13, 13, 13};  // the form's
  defaults.model.stem_stride = 2;        // likewise
  EXPECT_THAT(differing_keys(load_config(write("x.yaml", "# nothing\n")).config, defaults),
              IsEmpty());
}

TEST_F(ConfigFile, AnUnknownKeyIsNamedWithTheNearest) {
  EXPECT_EQ(
      refusal("seed: 1\ndata:\n  kind: cloud\n  pionts: 3\n"),
      (Refusal{kInvalid, "x.yaml:4: unknown key 'data.pionts'; did you mean 'data.points'?"}));
  EXPECT_EQ(
      refusal("model: {lanes: 4}\n"),
      (Refusal{kInvalid, "x.yaml:1: unknown key 'model.lanes'; did you mean 'train.lanes'?"}));
}

TEST_F(ConfigFile, AnUnknownSectionIsNamedWithTheNearest) {
  EXPECT_EQ(refusal("seed: 1\ntrian:\n  lanes: 4\n"),
            (Refusal{kInvalid, "x.yaml:2: unknown key 'trian'; did you mean 'train'?"}));
}

TEST_F(ConfigFile, AnUnknownKeyFarFromAllPointsToTheList) {
  EXPECT_EQ(
      refusal("qqqqqqqq: 1\n"),
      (Refusal{kInvalid, "x.yaml:1: unknown key 'qqqqqqqq'; 'larkspur inspect config' lists all"}));
}

TEST_F(ConfigFile, AWrongTypeSaysWhatWasExpectedAndFound) {
  EXPECT_EQ(
      refusal("\ntrain:\n  epochs: ten\n"),
      (Refusal{kInvalid, "x.yaml:3: train.epochs: expected a whole number >= 1, found 'ten'"}));
  EXPECT_EQ(refusal("train: {epochs: 1.5}\n").text,
            "x.yaml:1: train.epochs: expected a whole number >= 1, found '1.5'");
  EXPECT_EQ(refusal("train: {epochs: \"4\"}\n").text,
            "x.yaml:1: train.epochs: expected a whole number >= 1, found the text '4'");
  EXPECT_EQ(refusal("train: {epochs: }\n").text,
            "x.yaml:1: train.epochs: expected a whole number >= 1, found nothing");
  EXPECT_EQ(refusal("output:\n").text,
            "x.yaml:1: output: expected text, found nothing; an empty one is ''");
  EXPECT_EQ(refusal("train: {epochs: {a: 1}}\n").text,
            "x.yaml:1: train.epochs: expected a whole number >= 1, found a section");
  EXPECT_EQ(refusal("output: [a, b]\n").text, "x.yaml:1: output: expected text, found [a, b]");
  EXPECT_EQ(refusal("data: {augmentation: {mirror: yes}}\n").text,
            "x.yaml:1: data.augmentation.mirror: expected true or false, found 'yes'");
}

TEST_F(ConfigFile, AWrongListSaysWhatWasExpectedAndFound) {
  const std::string expected =
      "x.yaml:1: model.kernel: expected a list of 3 whole numbers in [0, 17], found ";
  EXPECT_EQ(refusal("model: {kernel: [7, 7]}\n").text, expected + "[7, 7]");
  EXPECT_EQ(refusal("model: {kernel: 7}\n").text, expected + "'7'");
  EXPECT_EQ(refusal("model: {kernel: [7, 7, x]}\n").text, expected + "[7, 7, x]");
  EXPECT_EQ(refusal("model: {kernel: [7, 7, 65]}\n").text, expected + "[7, 7, 65]");
  EXPECT_EQ(refusal("model: {temporal_strides: [2, 1, 1, 5]}\n").text,
            "x.yaml:1: model.temporal_strides: expected a list of 4 whole numbers in [1, 4], found "
            "[2, 1, 1, 5]");
}

TEST_F(ConfigFile, ANumberOutOfBoundsIsRefused) {
  EXPECT_EQ(refusal("data:\n  max_bad_fraction: 1.5\n"),
            (Refusal{kInvalid,
                     "x.yaml:2: data.max_bad_fraction: expected a number in [0, 1], found '1.5'"}));
  EXPECT_EQ(refusal("train: {learning_rate: .inf}\n").text,
            "x.yaml:1: train.learning_rate: expected a number >= 0, found '.inf'");
  EXPECT_EQ(refusal("train: {learning_rate: inf}\n").text,
            "x.yaml:1: train.learning_rate: expected a number >= 0, found 'inf'");
  EXPECT_EQ(refusal("seed: 99999999999999999999\n").text,
            "x.yaml:1: seed: expected a whole number >= 0, found '99999999999999999999'");
}

TEST_F(ConfigFile, AWrongChoiceIsNamedWithTheNearest) {
  EXPECT_EQ(refusal("\n\n\ndevice: cdua\n"),
            (Refusal{kInvalid,
                     "x.yaml:4: device: expected auto, cpu or cuda, found 'cdua'; did you "
                     "mean 'cuda'?"}));
}

TEST_F(ConfigFile, AKeyGivenTwiceIsRefused) {
  EXPECT_EQ(refusal("train:\n  lanes: 4\n  epochs: 2\n  lanes: 8\n"),
            (Refusal{kInvalid, "x.yaml:4: key 'train.lanes' is given twice"}));
  EXPECT_EQ(refusal("train: {lanes: 4}\ntrain: {epochs: 2}\n").text,
            "x.yaml:2: key 'train' is given twice");
  EXPECT_EQ(refusal("train: {lanes: 4}\ntrain.lanes: 8\n").text,
            "x.yaml:2: key 'train.lanes' is given twice");
  EXPECT_EQ(refusal("", {"train.lanes=4", "seed=2", "train.lanes=8"}).text,
            "argument 'train.lanes=8': key 'train.lanes' is given twice on the command line");
}

TEST_F(ConfigFile, ASectionThatIsNoSectionIsRefused) {
  EXPECT_EQ(refusal("seed: 1\ndata: clouds\n"),
            (Refusal{kInvalid, "x.yaml:2: data: expected a section of keys, found 'clouds'"}));
  EXPECT_EQ(refusal("- seed\n").text, "x.yaml:1: expected sections and keys, found [seed]");
}

TEST_F(ConfigFile, ASyntaxErrorHasItsLine) {
  EXPECT_EQ(refusal("seed: 1\nmodel: {form: voxel\ntrain: 3\n"),
            (Refusal{kInvalid, "x.yaml:3: end of map flow not found"}));
}

TEST_F(ConfigFile, AMissingFileIsNamedWithItsNearestNeighbour) {
  write("cloud.yaml", "");
  EXPECT_EQ(refusal_of([&] { load_config(path("clouds.yaml")); }),
            (Refusal{kMissing,
                     path("clouds.yaml") + ": no such file; did you mean '" + path("cloud.yaml") +
                         "'?"}));
}

TEST_F(ConfigFile, AFolderIsNoConfiguration) {
  EXPECT_EQ(refusal_of([&] { load_config(dir_.path()); }),
            (Refusal{kInvalid, dir_.path().string() + ": is a folder, expected a YAML file"}));
}

TEST_F(ConfigFile, AnOverrideWinsOverTheFile) {
  const std::string file = write("x.yaml", "train: {epochs: 2, lanes: 2}\n");
  const LoadedConfig loaded = load_config(file, {"train.epochs=4", "model.kernel=[3, 5, 7]"});
  EXPECT_EQ(loaded.config.train.epochs, 4);
  EXPECT_EQ(loaded.config.train.lanes, 2);
  EXPECT_EQ(loaded.config.model.kernel, (std::array<std::int64_t, 3>{3, 5, 7}));
  EXPECT_EQ(loaded.origins.at("train.epochs"), "argument 'train.epochs=4'");
}

TEST_F(ConfigFile, AFormBringsItsOwnKernelAndStemWhereNoneAreSet) {
  for (const char* form :
       {"clip", "differences", "raw", "grid", "voxel", "views", "joint", "points", "cells"}) {
    const bool of_clouds =
        std::string_view("voxel views joint points cells").find(form) != std::string::npos;
    const std::string file =
        write("x.yaml", std::string("data: {kind: ") + (of_clouds ? "cloud" : "video") + "}\n");
    const std::string argument = std::string("model.form=") + form;
    const ModelConfig model = load_config(file, {argument}).config.model;
    EXPECT_EQ(model.kernel, model3d::find_form(form).kernel);
    EXPECT_EQ(model.stem_stride, model3d::find_form(form).stem_stride);
    EXPECT_EQ(load_config(file, {argument, "model.stem_stride=2"}).config.model.stem_stride, 2);
    const auto in_part =
        load_config(file, {argument, "model.kernel=[0, 5, 0]"}).config.model.kernel;
    EXPECT_EQ(in_part[1], 5) << form;
    EXPECT_EQ(in_part[2], 13) << form;
  }
}

TEST_F(ConfigFile, AnOverrideMayHoldAnEqualsSignOrClearAPath) {
  const std::string file = write("x.yaml", "data: {train: {list: a.txt}}\n");
  const RunConfig config = load_config(file, {"output=runs/lr=1", "data.train.list=''"}).config;
  EXPECT_EQ(config.output, "runs/lr=1");
  EXPECT_EQ(config.data.train.list, "");
}

TEST_F(ConfigFile, AWrongOverrideIsNamed) {
  EXPECT_EQ(refusal("", {"data.pionts=3"}),
            (Refusal{kInvalid,
                     "argument 'data.pionts=3': unknown key 'data.pionts'; did you mean "
                     "'data.points'?"}));
  EXPECT_EQ(refusal("", {"train.epochs=ten"}).text,
            "argument 'train.epochs=ten': train.epochs: expected a whole number >= 1, found 'ten'");
  EXPECT_EQ(refusal("", {"train.epochs"}).text, "argument 'train.epochs': expected key=value");
  EXPECT_EQ(refusal("", {"data={points: 3}"}).text,
            "argument 'data={points: 3}': data is a section; set one of its keys, as "
            "data.KEY=value");
  EXPECT_EQ(refusal("", {"model.kernel=[3, 5"}).text,
            "argument 'model.kernel=[3, 5': end of sequence flow not found");
}

TEST_F(ConfigFile, ABaseIsReadFirstFromTheFilesOwnFolder) {
  const std::string base = write("sub/base.yaml", "seed: 5\ntrain: {epochs: 7, lanes: 8}\n");
  const std::string file = write("sub/x.yaml", "train: {epochs: 9}\nbase: base.yaml\n");
  const LoadedConfig loaded = load_config(file);
  EXPECT_EQ(loaded.config.seed, 5);
  EXPECT_EQ(loaded.config.train.lanes, 8);
  EXPECT_EQ(loaded.config.train.epochs, 9);
  EXPECT_EQ(loaded.origins.at("train.lanes"), base + ":2");
  EXPECT_EQ(loaded.origins.at("train.epochs"), file + ":1");
}

TEST_F(ConfigFile, ABaseOfABaseIsRefused) {
  const std::string base = write("base.yaml", "seed: 5\nbase: deeper.yaml\n");
  EXPECT_EQ(refusal("base: base.yaml\n"),
            (Refusal{kInvalid, base + ":2: a base of another file has no base of its own"}));
}

TEST_F(ConfigFile, AMissingBaseIsNamedWithTheLineThatAsksForIt) {
  write("common.yaml", "");
  EXPECT_EQ(refusal("seed: 1\nbase: comon.yaml\n"),
            (Refusal{kMissing,
                     "x.yaml:2: base: " + path("comon.yaml") + ": no such file; did you mean '" +
                         path("common.yaml") + "'?"}));
}

TEST_F(ConfigFile, WhatMustHoldBetweenKeysIsChecked) {
  EXPECT_EQ(
      refusal("train:\n  lanes: 4\n  global_batch: 6\n"),
      (Refusal{kInvalid, "x.yaml:3: train.global_batch: 6 is not divisible by train.lanes, 4"}));
}

TEST(ParseConfig, ASavedConfigurationHasNoBase) {
  EXPECT_EQ(refusal_of([] { parse_config("base: a.yaml\n", "saved"); }),
            (Refusal{kInvalid, "saved: has a base; a saved configuration is whole"}));
  EXPECT_EQ(parse_config("seed: 3\n", "saved").config.seed, 3);
}

constexpr RetiredKey kOldNames[] = {{"train.passes", "train.epochs"}, {"model.glue", ""}};

TEST(ParseConfig, RetiredNamesAreTakenAsWhatTheyAreCalledNow) {
  const LoadedConfig saved =
      parse_config("train: {passes: 7}\nmodel: {glue: 3}\n", "saved", kOldNames);
  EXPECT_EQ(saved.config.train.epochs, 7);
  EXPECT_TRUE(saved.unknown.empty());
  EXPECT_EQ(refusal_of([] { parse_config("train: {passes: a}\n", "saved", kOldNames); }).text,
            "saved:1: train.epochs: expected a whole number >= 1, found 'a'");
}

TEST(ParseConfig, KeysOfAnotherProgramAreKeptForWhoAsks) {
  const LoadedConfig saved =
      parse_config("seed: 3\nmodel: {tiling: [1, 2]}\nlater: {deep: {key: x}}\n", "saved");
  EXPECT_EQ(saved.config.seed, 3);
  ASSERT_EQ(saved.unknown.size(), 2U);
  EXPECT_EQ(saved.unknown[0].path, "model.tiling");
  EXPECT_EQ(saved.unknown[0].value, "[1, 2]");
  EXPECT_EQ(saved.unknown[1].path, "later.deep.key");
}

TEST(SetKey, TakesListsAsPeopleTypeThem) {
  LoadedConfig loaded;
  const ConfigKey& kernel = *find_config_key("model.kernel");
  for (const char* text : {"3x5x7", "3,5,7", "[3, 5, 7]"}) {
    loaded.config.model.kernel = {1, 1, 1};
    set_key(loaded, kernel, text, "--kernel");
    EXPECT_EQ(loaded.config.model.kernel, (std::array<std::int64_t, 3>{3, 5, 7})) << text;
  }
  EXPECT_EQ(refusal_of([&] { set_key(loaded, kernel, "3x5", "--kernel"); }).text,
            "--kernel: model.kernel: expected a list of 3 whole numbers in [0, 17], found [3, 5]");
}

}  // namespace
}  // namespace larkspur::launch
