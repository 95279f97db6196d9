// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/dilated_reparam_block.h"

#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/require.h"
#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::expect_record;
using larkspur::testing::golden_entry;
using larkspur::testing::golden_noise;
using larkspur::testing::read_golden;
using larkspur::testing::record_named;

std::vector<NamedTensor> entries_of(const DilatedReparamBlock& block) {
  std::vector<NamedTensor> entries;
  block.add_to(StateDict(&entries));
  return entries;
}

/// The golden file numbers its branches; here they are named by taps and rate.
class GoldenBlock : public ::testing::Test {
 protected:
  GoldenBlock()
      : file_(read_golden("conv3d_video.json")), block_({.channels = 8, .taps = {5, 13, 13}}) {
    const auto branches = default_branches({5, 13, 13});
    for (std::size_t i = 0; i < branches.size(); ++i) {
      const std::string name = branch_name(branches[i], {5, 13, 13});
      published_["dil_conv_" + name] = file_.at("branches")[i].at("name");
      published_["dil_bn_" + name] = file_.at("branches")[i].at("bn");
    }
    for (const NamedTensor& entry : entries_of(block_)) {
      const std::string name = "block3d.dwconv." + published(entry.name);
      entry.tensor.detach().copy_(golden_entry(name, entry.tensor.sizes()));
    }
    input_ = golden_noise("block3d.input", {1, 8, 8, 16, 16}).requires_grad_(true);
    cotangent_ = golden_noise("block3d.cotangent", {1, 8, 8, 16, 16});
  }

  std::string published(const std::string& name) const {
    const auto dot = name.find('.');
    const auto renamed = published_.find(name.substr(0, dot));
    return renamed == published_.end() ? name : renamed->second + name.substr(dot);
  }

  nlohmann::json file_;
  DilatedReparamBlock block_;
  std::map<std::string, std::string> published_;
  at::Tensor input_;
  at::Tensor cotangent_;
};

TEST_F(GoldenBlock, HasTheBranchesAndEntriesOfTheFile) {
  std::size_t listed = 0;
  for (const NamedTensor& entry : entries_of(block_)) {
    const std::string name = "block3d.dwconv." + published(entry.name);
    for (const auto& row : file_.at("entries")) {
      if (row[0] != name) continue;
      ++listed;
      EXPECT_EQ(entry.tensor.sizes().vec(), row[1].get<std::vector<std::int64_t>>()) << name;
      EXPECT_EQ(larkspur::testing::crc32_of(entry.tensor), row[2]) << name;
    }
  }
  EXPECT_EQ(listed, file_.at("entries").size());
}

TEST_F(GoldenBlock, EvaluatesAsTheFileSaysMergedAndNot) {
  const at::NoGradGuard no_grad;
  expect_record(record_named(file_.at("records"), "eval.out"), block_.forward(input_, {}));
  block_.merge();
  const auto entries = entries_of(block_);
  ASSERT_EQ(entries.size(), 2U);
  expect_record(record_named(file_.at("records"), "merged.weight"), entries[0].tensor);
  expect_record(record_named(file_.at("records"), "merged.bias"), entries[1].tensor);
  expect_record(record_named(file_.at("records"), "merged.out"), block_.forward(input_, {}));
}

TEST_F(GoldenBlock, TrainsAsTheFileSays) {
  const at::Tensor out = block_.forward(input_, {.training = true});
  const at::Tensor loss = (out * cotangent_).sum();
  loss.backward();
  const auto& records = file_.at("records");
  expect_record(record_named(records, "train.out"), out);
  expect_record(record_named(records, "train.grad_input"), input_.grad());
  EXPECT_NEAR(loss.item<double>(), file_.at("train_loss").get<double>(), 1e-4);
  for (const NamedTensor& entry : entries_of(block_)) {
    const bool statistic = entry.kind == TensorKind::kStatistic;
    const auto name = (statistic ? "train." : "train.grad.") + published(entry.name);
    expect_record(record_named(records, name), statistic ? entry.tensor : entry.tensor.grad());
  }
}

/// Puts a block's entries far from where they start.
void scatter(const DilatedReparamBlock& block) {
  const at::NoGradGuard no_grad;
  for (const NamedTensor& entry : entries_of(block)) {
    const at::Tensor noise = golden_noise(entry.name, entry.tensor.sizes().vec());
    const bool variance = entry.name.ends_with("running_var");
    entry.tensor.copy_(variance ? 5.01 + 5 * noise : 3 * noise);
  }
}

class MergedBlock : public ::testing::TestWithParam<Extent3> {};

TEST_P(MergedBlock, EqualsTheTrainedOne) {
  const at::NoGradGuard no_grad;
  DilatedReparamBlock block({.channels = 3, .taps = GetParam()});
  scatter(block);
  const at::Tensor x = golden_noise("x", {2, 3, 6, 9, 8});
  const at::Tensor trained = block.forward(x, {});
  block.merge();
  ASSERT_TRUE(block.is_merged());
  const at::Tensor merged = block.forward(x, {});
  const double largest_value = trained.abs().max().item<double>();
  const double difference = (merged - trained).abs().max().item<double>();
  RecordProperty("relative_difference", pipeline::text_of(difference / largest_value));
  EXPECT_LE(difference, larkspur::testing::kMergedBlockRelative * largest_value);
  block.merge();
  EXPECT_TRUE(block.forward(x, {}).equal(merged));
}

INSTANTIATE_TEST_SUITE_P(Taps,
                         MergedBlock,
                         ::testing::Values(Extent3{7, 7, 7},
                                           Extent3{13, 13, 13},
                                           Extent3{1, 13, 13},
                                           Extent3{5, 17, 17},
                                           Extent3{3, 9, 11},
                                           Extent3{15, 1, 15}));

TEST(DilatedReparamBlock, HasTheGradientOfItsFiniteDifferences) {
  DilatedReparamBlock block({.channels = 2, .taps = {3, 7, 7}});
  scatter(block);
  std::vector<at::Tensor> leaves{golden_noise("x", {2, 2, 3, 5, 4}).requires_grad_(true)};
  for (const NamedTensor& entry : entries_of(block)) {
    entry.tensor.set_data(entry.tensor.detach().to(at::kDouble));
    if (entry.kind != TensorKind::kStatistic) leaves.push_back(entry.tensor);
  }
  leaves[0].set_data(leaves[0].detach().to(at::kDouble));
  const at::Tensor weights = golden_noise("weights", {2, 2, 3, 5, 4}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      leaves, [&] { return (block.forward(leaves[0], {.training = true}) * weights).sum(); });
}

TEST(DilatedReparamBlock, RefusesABranchThatDoesNotFit) {
  const DilatedReparamOptions options{
      .channels = 4, .taps = {3, 7, 7}, .branches = {{{3, 3, 3}, {2, 2, 2}}}};
  EXPECT_THAT(
      [&] { DilatedReparamBlock block(options); },
      ::testing::ThrowsMessage<pipeline::Error>(::testing::HasSubstr("3x3x3 taps at rate 2x2x2")));
}

}  // namespace
}  // namespace larkspur::model3d
