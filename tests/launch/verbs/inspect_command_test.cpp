// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "launch/config/config_file.h"
#include "launch/config/config_table.h"
#include "launch/verbs/commands.h"
#include "tests/support/refusal.h"
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

TEST(InspectCommand, ShowsWhatDiffersBetweenTwoConfigurations) {
  const testing::TempDir dir;
  const std::string file = (dir.path() / "x.yaml").string();
  std::ofstream(file) << "seed: 9\ntrain: {epochs: 4}\n";
  std::filesystem::create_directory(dir.path() / "run");
  const std::string run = (dir.path() / "run").string();
  std::ofstream(run + "/config.yaml") << "seed: 7\n";
  const std::string text = inspected({"config", file, run, "train.lanes=2"});
  EXPECT_EQ(std::ranges::count(text, '\n'), 3) << text;
  EXPECT_TRUE(std::regex_search(text, std::regex("\\nseed +9 +7\ntrain.epochs +4 +10\n"))) << text;
  EXPECT_EQ(inspected({"config", file, file}), file + " and " + file + " are equal\n");
}

TEST(InspectCommand, ShowsTheLayersOfAPublishedModel) {
  const std::string table = inspected({"model", "--model", "image/a"});
  EXPECT_NE(table.find("stages.2.5"), std::string::npos) << table;
  // As published: 4 649 060 trained, 4 437 300 merged, 1000 classes.
  EXPECT_NE(table.find("total"), std::string::npos);
  EXPECT_NE(table.find("4 649 060"), std::string::npos) << table;
  EXPECT_NE(table.find("4 437 300"), std::string::npos) << table;
}

TEST(InspectCommand, ShowsTheModelOfAConfigurationWithItsOverridesAsJson) {
  const testing::TempDir dir;
  const std::string file = (dir.path() / "x.yaml").string();
  std::ofstream(file) << "model:\n  classes: 15\n  kernel: [7, 7, 7]\ndata:\n  grid: 16\n";
  const auto all = nlohmann::json::parse(inspected({"model", file, "--json"}));
  EXPECT_EQ(all.at("form"), "voxel");
  EXPECT_EQ(all.at("variant"), "micro");
  EXPECT_EQ(all.at("input"), (std::vector<int>{16, 16, 16}));
  const auto& layers = all.at("layers");
  ASSERT_EQ(layers.size(), 10U);
  EXPECT_EQ(layers.at(0).at("size"), (std::vector<int>{8, 8, 8}));
  EXPECT_EQ(layers.at(9).at("channels"), 15);
  EXPECT_TRUE(layers.at(9).at("receptive_field").is_null());
  std::int64_t parameters = 0;
  for (const auto& layer : layers) {
    parameters += layer.at("merged").at("parameters").get<std::int64_t>();
  }
  EXPECT_EQ(all.at("merged").at("parameters"), parameters);
  const auto other = nlohmann::json::parse(
      inspected({"model", file, "model.variant=a", "--json", "--input", "32x24x20"}));
  EXPECT_EQ(other.at("layers").at(0).at("channels"), 40);
  EXPECT_EQ(other.at("layers").at(0).at("size"), (std::vector<int>{16, 12, 10}));
}

std::string refused(std::vector<std::string> arguments) {
  return testing::refusal_of([&] { inspected(std::move(arguments)); }).text;
}

TEST(InspectCommand, RefusesWhatNamesNoModelOrNoSizes) {
  EXPECT_NE(refused({"model"}).find("says what to inspect"), std::string::npos);
  EXPECT_NE(refused({"model", "x.yaml", "--model", "image/a"}).find("says what to inspect"),
            std::string::npos);
  for (const char* sizes : {"0x224", "99999x9", "16384x16384x16384", "-3x5"}) {
    EXPECT_NE(refused({"model", "--model", "image/a", "--input", sizes}).find("axes of 1 to"),
              std::string::npos)
        << sizes;
  }
  EXPECT_NE(refused({"model", "--model", "image/a", "--input", "big"}).find("not 'big'"),
            std::string::npos);
  EXPECT_NE(refused({"model", "--model", "image/a", "--input", "1x2x3"}).find("form image"),
            std::string::npos);
}

}  // namespace
}  // namespace larkspur::launch
