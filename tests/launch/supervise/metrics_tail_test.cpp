// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/metrics_tail.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Tail : public ::testing::Test {
 protected:
  void add(const std::string& text) {
    std::ofstream(file_, std::ios::app | std::ios::binary) << text;
  }

  static std::vector<std::int64_t> steps(const std::vector<MetricsLine>& lines) {
    std::vector<std::int64_t> found;
    for (const MetricsLine& line : lines) {
      const auto* step = std::get_if<pipeline::StepMetrics>(&line);
      found.push_back(step == nullptr ? -std::get<RunStart>(line).total_steps : step->step);
    }
    return found;
  }

  testing::TempDir dir_;
  std::filesystem::path file_ = dir_.path() / "metrics.jsonl";
};

TEST_F(Tail, SkipsWhatWasThereAndWaitsForWholeLines) {
  add("{\"step\":1}\n");
  MetricsTail tail(file_);
  EXPECT_THAT(tail.poll(), IsEmpty());
  add("{\"schema\":1,\"first_step\":2,\"total_steps\":40}\n{\"step\":2}\n{\"st");
  EXPECT_THAT(steps(tail.poll()), ElementsAre(-40, 2));
  EXPECT_THAT(tail.poll(), IsEmpty());
  add("ep\":3}\n");
  EXPECT_THAT(steps(tail.poll()), ElementsAre(3));
}

TEST_F(Tail, TheFileMayComeLater) {
  MetricsTail tail(file_);
  EXPECT_THAT(tail.poll(), IsEmpty());
  add("{\"step\":1}\n");
  EXPECT_THAT(steps(tail.poll()), ElementsAre(1));
}

TEST_F(Tail, AFileThatBecameShorterIsReadFromItsBeginning) {
  add("{\"step\":1}\n{\"step\":2}\n");
  MetricsTail tail(file_);
  std::filesystem::resize_file(file_, 0);
  add("{\"step\":7}\n");
  EXPECT_THAT(steps(tail.poll()), ElementsAre(7));
}

TEST_F(Tail, LinesThatAreNotOursDoNotStopIt) {
  MetricsTail tail(file_);
  add("not json\n[1]\n{\"other\":1}\n\n{\"step\":\"x\"}\n{\"step\":4}\n");
  EXPECT_THAT(steps(tail.poll()), ElementsAre(0, 4));
}

TEST_F(Tail, ALineLongerThanAPieceIsPassedOver) {
  MetricsTail tail(file_);
  add("{\"x\":\"" + std::string(600'000, 'y') + "\"}\n{\"step\":9}\n");
  std::vector<std::int64_t> found;
  for (int i = 0; i < 5; ++i) {
    for (const std::int64_t step : steps(tail.poll())) found.push_back(step);
  }
  EXPECT_THAT(found, ElementsAre(9));
}

TEST(ParseMetricsLine, TakesTheFieldsByName) {
  const auto lines = parse_metrics_line(
      R"({"step":5,"epoch":2,"loss":0.5,"accuracy":75.0,"samples_per_second":12.5,"bad_samples":3})");
  ASSERT_THAT(lines, SizeIs(1));
  const auto step = std::get<pipeline::StepMetrics>(lines[0]);
  EXPECT_EQ(step.step, 5);
  EXPECT_EQ(step.epoch, 2);
  EXPECT_EQ(step.loss, 0.5);
  EXPECT_EQ(step.accuracy, 75.0);
  EXPECT_EQ(step.samples_per_second, 12.5);
  EXPECT_EQ(step.bad_samples, 3);
}

TEST(ParseMetricsLine, TakesWhatIsNoNumberAsSuch) {
  const auto lines = parse_metrics_line(R"({"step":5,"loss":null,"accuracy":null})");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_TRUE(std::isnan(std::get<pipeline::StepMetrics>(lines[0]).loss));
  EXPECT_TRUE(std::isnan(std::get<pipeline::StepMetrics>(lines[0]).accuracy));
}

TEST(ParseMetricsLine, LeavesWhatHasAnotherTypeOrIsNotOurs) {
  EXPECT_EQ(
      std::get<pipeline::StepMetrics>(parse_metrics_line(R"({"step":5,"loss":true})")[0]).loss,
      0.0);
  EXPECT_FALSE(std::get<pipeline::EvaluationMetrics>(
                   parse_metrics_line(R"({"evaluation":{"step":1,"held_out":1}})")[0])
                   .held_out);
  EXPECT_TRUE(parse_metrics_line(R"({"evaluation":null})").empty());
}

/// What the writer makes of one thing, read again: the one line behind its header.
template <typename Write>
std::vector<MetricsLine> read_back(const Write& write) {
  const testing::TempDir folder;
  const auto path = folder.path() / "metrics.jsonl";
  pipeline::JsonLinesSink sink(path, "{}");
  write(sink);
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::getline(file, line);
  return parse_metrics_line(line);
}

TEST(ParseMetricsLine, ReadsEveryFieldThatTheWriterWrites) {
  pipeline::StepMetrics written;
  int next = 1;
  pipeline::visit_fields(written, [&](const char*, auto& field) {
    field = static_cast<std::remove_reference_t<decltype(field)>>(next++);
  });
  const auto parsed = read_back([&](pipeline::JsonLinesSink& sink) { sink.step(written); });
  ASSERT_EQ(parsed.size(), 1U);
  auto read = std::get<pipeline::StepMetrics>(parsed.front());
  next = 1;
  pipeline::visit_fields(read,
                         [&](const char* name, auto& field) { EXPECT_EQ(field, next++) << name; });
}

TEST(ParseMetricsLine, ReadsEveryFieldOfAnEvaluationThatTheWriterWrites) {
  const pipeline::EvaluationMetrics written{12, 3, true, 75.5, 70.25, std::nan(""), 40, 1.5};
  const auto parsed = read_back([&](pipeline::JsonLinesSink& sink) { sink.evaluation(written); });
  ASSERT_EQ(parsed.size(), 1U);
  const auto read = std::get<pipeline::EvaluationMetrics>(parsed.front());
  EXPECT_EQ(read.step, 12);
  EXPECT_EQ(read.epoch, 3);
  EXPECT_TRUE(read.held_out);
  EXPECT_EQ(read.top1, 75.5);
  EXPECT_EQ(read.mean_class_accuracy, 70.25);
  EXPECT_TRUE(std::isnan(read.mean_average_precision));
  EXPECT_EQ(read.samples, 40);
  EXPECT_EQ(read.seconds, 1.5);
  EXPECT_EQ(read.score(), 75.5);
}

}  // namespace
}  // namespace larkspur::launch
