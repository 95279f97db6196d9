// SPDX-License-Identifier: Apache-2.0
// One training step of variant A on pictures against the authors' own figures.
#include <map>

#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::expect_logits;
using larkspur::testing::fill_by_formula;
using larkspur::testing::golden_image;
using larkspur::testing::read_golden;

/// Forward and backward of the golden step, done once for all tests that look at it.
class GoldenTraining : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    network_ = new Network({.form = "image", .variant = "a", .classes = 1000});
    fill_by_formula(network_->parameters());
    fill_by_formula(network_->statistics());
    network_->set_training(true);
    pipeline::Batch batch;
    batch.inputs["input"] = golden_image({2, 3, 64, 64});
    batch.keys.resize(2);
    logits_ = network_->forward(batch);
    loss_ = at::cross_entropy_loss(logits_, at::arange(3, 8, 4, at::kLong));
    loss_.backward();
  }

  static void TearDownTestSuite() {
    delete network_;
    logits_.reset();
    loss_.reset();
  }

  static std::map<std::string, pipeline::Parameter> parameters() {
    std::map<std::string, pipeline::Parameter> by_name;
    for (const auto& parameter : network_->parameters()) by_name[parameter.name] = parameter;
    return by_name;
  }

  static inline Network* network_ = nullptr;
  static inline at::Tensor logits_;
  static inline at::Tensor loss_;
};

TEST_F(GoldenTraining, GivesThePublishedLogitsAndLoss) {
  const auto file = read_golden("train_A_64x64.json");
  expect_logits(file.at("logits"), logits_, file.at("logits_tol"));
  EXPECT_NEAR(
      loss_.item<double>(), file.at("loss").get<double>(), file.at("loss_tol").get<double>());
}

TEST_F(GoldenTraining, GivesThePublishedGradients) {
  const auto by_name = parameters();
  const auto file = read_golden("train_A_64x64.json");
  EXPECT_EQ(file.at("params").size(), by_name.size());
  for (const auto& row : file.at("params")) {
    const std::string name = row.at("n");
    SCOPED_TRACE(name);
    const at::Tensor gradient = by_name.at(name).tensor.grad().to(at::kDouble).flatten();
    EXPECT_NEAR(
        gradient.norm().item<double>(), row.at("g").get<double>(), row.at("gt").get<double>());
    for (std::size_t i = 0; i < row.at("i").size(); ++i) {
      EXPECT_NEAR(gradient[row.at("i")[i].get<std::int64_t>()].item<double>(),
                  row.at("v")[i].get<double>(),
                  row.at("vt").get<double>());
    }
  }
}

TEST_F(GoldenTraining, DecaysWhatThePublishedRuleDecays) {
  const auto by_name = parameters();
  const auto file = read_golden("train_A_64x64.json");
  for (const auto& row : file.at("params")) {
    EXPECT_EQ(by_name.at(row.at("n")).decays, row.at("d") == 1) << row.at("n");
  }
}

TEST_F(GoldenTraining, MovesTheRunningStatisticsAsPublished) {
  std::map<std::string, at::Tensor> statistics;
  for (const auto& statistic : network_->statistics())
    statistics[statistic.name] = statistic.tensor;
  const auto file = read_golden("train_A_64x64.json");
  EXPECT_EQ(statistics.size(), 2 * file.at("bn").size());
  const double relative = file.at("bn_tol_rel");
  for (const auto& row : file.at("bn")) {
    SCOPED_TRACE(row[0]);
    const at::Tensor mean = statistics.at(row[0].get<std::string>() + ".running_mean");
    const at::Tensor variance = statistics.at(row[0].get<std::string>() + ".running_var");
    EXPECT_NEAR(mean.norm().item<double>(), row[1].get<double>(), relative * row[1].get<double>());
    EXPECT_NEAR(
        variance.norm().item<double>(), row[2].get<double>(), relative * row[2].get<double>());
    EXPECT_NEAR(mean[0].item<double>(), row[3].get<double>(), 1e-6);
    EXPECT_NEAR(variance[0].item<double>(), row[4].get<double>(), 1e-6);
  }
}

TEST_F(GoldenTraining, LeavesTapsThatNeverReachTheMapWithoutAGradient) {
  // Stage 4 is 2x2 here: only the middle 3x3 of the 13x13 taps ever meets a pixel.
  const auto by_name = parameters();
  at::Tensor gradient = by_name.at("stages.3.0.dwconv.lk_origin.weight").tensor.grad().clone();
  at::Tensor middle = gradient.slice(3, 5, 8).slice(4, 5, 8);
  EXPECT_GT(middle.abs().max().item<double>(), 0.0);
  middle.zero_();
  EXPECT_EQ(gradient.count_nonzero().item<std::int64_t>(), 0);
}

}  // namespace
}  // namespace larkspur::model3d
