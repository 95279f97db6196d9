// SPDX-License-Identifier: Apache-2.0
#include "pipeline/metrics.h"

#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/error.h"
#include "pipeline/storage/durable_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::pipeline {
namespace {

TEST(JsonLinesSink, WritesOneObjectALineAfterItsHeaderAndAppends) {
  const testing::TempDir folder;
  const auto path = folder.path() / "metrics.jsonl";
  StepMetrics metrics;
  metrics.step = 7;
  metrics.loss = 0.125;
  metrics.loss_scale = 1024.0;
  metrics.skipped_steps = 3;
  JsonLinesSink(path, R"({"run":1})").step(metrics);
  JsonLinesSink(path, R"({"run":2})").step(metrics);
  std::istringstream lines(read_file(path));
  std::vector<nlohmann::json> objects;
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(objects.size(), 4U);
  EXPECT_EQ(objects[1]["step"], 7);
  EXPECT_EQ(objects[1]["loss"], 0.125);
  EXPECT_EQ(objects[1]["loss_scale"], 1024.0);
  EXPECT_EQ(objects[1]["skipped_steps"], 3);
  EXPECT_EQ(objects[2]["run"], 2);
}

TEST(JsonLinesSink, BeginsALineOfItsOwnBehindATornOne) {
  const testing::TempDir folder;
  const auto path = folder.path() / "metrics.jsonl";
  write_and_rename(path, "{\"run\":1}\n{\"step\":");
  JsonLinesSink(path, R"({"run":2})");
  EXPECT_EQ(read_file(path), "{\"run\":1}\n{\"step\":\n{\"run\":2}\n");
}

TEST(JsonLinesSink, NamesAPathItCannotWrite) {
  const testing::TempDir dir;
  EXPECT_THROW(JsonLinesSink(dir.path() / "absent" / "metrics.jsonl", "{}"), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
