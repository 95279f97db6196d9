// SPDX-License-Identifier: Apache-2.0
// Every file that is shipped: it reads, checks and writes back, and the documents beside it are
// true.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "launch/config/config_table.h"
#include "launch/config/protocol_table.h"
#include "readers/synthetic/demo_clouds.h"
#include "readers/synthetic/demo_videos.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;

fs::path source_root() {
  const char* const root = std::getenv("LARKSPUR_SOURCE");
  return root == nullptr ? fs::current_path() : fs::path(root);
}

std::vector<fs::path> shipped_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(source_root() / "configs")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream stream(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(ShippedConfigs, ReadCheckAndWriteBackEqual) {
  EXPECT_GE(shipped_files().size(), 2U);
  for (const fs::path& file : shipped_files()) {
    const RunConfig config = load_config(file).config;
    const RunConfig again = parse_config(write_config(config), "written").config;
    EXPECT_THAT(differing_keys(config, again), ::testing::IsEmpty()) << file;
  }
}

TEST(ShippedConfigs, WriteToFoldersOfTheirOwn) {
  std::set<std::string> outputs{RunConfig{}.output};
  for (const fs::path& file : shipped_files()) {
    EXPECT_TRUE(outputs.insert(load_config(file).config.output).second) << file;
  }
}

TEST(ShippedConfigs, HaveAClassForEachLineOfTheirLabels) {
  for (const fs::path& file : shipped_files()) {
    const RunConfig config = load_config(file).config;
    for (const std::string& labels : {config.data.train.labels, config.data.eval.labels}) {
      if (labels.empty()) continue;
      EXPECT_EQ(static_cast<std::int64_t>(lines_of(source_root() / labels).size()),
                config.model.classes)
          << file;
    }
  }
}

TEST(DemoConfig, FitsTheDemoClouds) {
  const RunConfig config = load_config(source_root() / "configs/demo/cloud.yaml").config;
  EXPECT_EQ(config.model.classes, readers::DemoCloudOptions{}.classes);
  EXPECT_EQ(config.model.classes, static_cast<std::int64_t>(readers::demo_class_names().size()));
}

TEST(DemoConfig, FitsTheDemoVideos) {
  const RunConfig config = load_config(source_root() / "configs/demo/clip.yaml").config;
  const readers::DemoVideoOptions videos;
  EXPECT_EQ(config.model.classes, videos.classes);
  EXPECT_LT((config.data.clip.frames - 1) * config.data.clip.stride, videos.frames);
  EXPECT_FALSE(config.data.crop.mirror) << "right would be left";
}

TEST(KineticsLabels, AreFourHundredSortedNames) {
  const auto names = lines_of(source_root() / "configs/labels/kinetics400.txt");
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 400U);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(names.front(), "abseiling");
  EXPECT_EQ(names.back(), "zumba");
}

TEST(ModelNetLabels, AreFortySortedNames) {
  const auto names = lines_of(source_root() / "configs/labels/modelnet40.txt");
  EXPECT_EQ(names.size(), 40U);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 40U);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(names.front(), "airplane");
  EXPECT_EQ(names.back(), "xbox");
}

TEST(ConfigsReadme, HoldsTheKeyTableAsItIs) {
  EXPECT_THAT(text_of(source_root() / "configs/README.md"),
              ::testing::HasSubstr(config_table_markdown()))
      << "renew it with: larkspur inspect config --markdown";
}

TEST(ConfigsReadme, HoldsTheTableOfProtocolsAsItIs) {
  EXPECT_THAT(text_of(source_root() / "configs/README.md"),
              ::testing::HasSubstr(protocol_table_markdown()))
      << "renew it with: larkspur inspect protocols --markdown";
}

}  // namespace
}  // namespace larkspur::launch
