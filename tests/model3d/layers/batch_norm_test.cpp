// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/batch_norm.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

std::vector<NamedTensor> entries_of(const BatchNorm& norm) {
  std::vector<NamedTensor> entries;
  norm.add_to(StateDict(&entries, "op.bn"));
  return entries;
}

TEST(BatchNorm, NormalisesTinyBatchesAsTheGoldenFileSays) {
  const auto file = larkspur::testing::read_golden("ops.json");
  const BatchNorm norm(12);
  const auto entries = entries_of(norm);
  entries[0].tensor.detach().copy_(larkspur::testing::golden_entry("op.bn.weight", {12}));
  entries[1].tensor.detach().copy_(larkspur::testing::golden_entry("op.bn.bias", {12}));
  const at::Tensor x = golden_noise("op.bn", {2, 12, 1, 3, 5}) * 0x1p-9;
  const auto& record = larkspur::testing::record_named(file.at("ops"), "batchnorm_train_small");
  larkspur::testing::expect_record(record.at("out"), norm.forward(x, {.training = true}));
}

TEST(BatchNorm, MovesItsStatisticsATenthOfTheWayInTraining) {
  const BatchNorm norm(3);
  const at::Tensor x = 2 * golden_noise("x", {4, 3, 2, 5}) + 1;
  norm.forward(x, {.training = true});
  const at::Tensor values = x.movedim(1, 0).flatten(1).to(at::kDouble);
  const auto entries = entries_of(norm);
  EXPECT_TRUE(entries[2].tensor.to(at::kDouble).allclose(0.1 * values.mean(1), 1e-6, 1e-7));
  const at::Tensor unbiased = values.var(/*dim=*/at::IntArrayRef{1}, /*unbiased=*/true);
  EXPECT_TRUE(entries[3].tensor.to(at::kDouble).allclose(0.9 + 0.1 * unbiased, 1e-6, 1e-7));
}

TEST(BatchNorm, OutsideTrainingIsItsAffineMapAndChangesNothing) {
  const BatchNorm norm(3);
  const at::Tensor x = golden_noise("x", {4, 3, 2, 5});
  norm.forward(5 * x - 3, {.training = true});
  const at::Tensor mean = entries_of(norm)[2].tensor.clone();
  const ChannelAffine affine = norm.affine();
  const at::Tensor expected = x * affine.scale.view({1, 3, 1, 1}) + affine.shift.view({1, 3, 1, 1});
  EXPECT_TRUE(norm.forward(x, {}).to(at::kDouble).allclose(expected, 1e-5, 1e-6));
  EXPECT_TRUE(entries_of(norm)[2].tensor.equal(mean));
}

/// Answers with the bias and keeps what it was asked.
class BiasRule : public pipeline::BatchNormHook {
 public:
  at::Tensor normalise(const pipeline::BatchNormCall& call) override {
    asked = call;
    return call.x * 0 + call.bias.view({1, -1, 1, 1});
  }
  pipeline::BatchNormCall asked;
};

TEST(BatchNorm, LeavesTrainingToThePassesRuleAndEvaluationAlone) {
  const BatchNorm norm(3, 1e-3);
  const auto entries = entries_of(norm);
  entries[1].tensor.detach().copy_(golden_noise("bias", {3}));
  const at::Tensor x = golden_noise("x", {4, 3, 2, 5});
  BiasRule rule;
  const at::Tensor evaluated = norm.forward(x, {.how = {.norms = &rule}});
  EXPECT_TRUE(evaluated.equal(norm.forward(x, {})));
  EXPECT_FALSE(rule.asked.x.defined());
  const at::Tensor y = norm.forward(x, {.training = true, .how = {.norms = &rule}});
  EXPECT_TRUE(y.select(1, 2).eq(entries[1].tensor[2]).all().item<bool>());
  EXPECT_TRUE(rule.asked.x.is_same(x));
  EXPECT_TRUE(rule.asked.weight.is_same(entries[0].tensor));
  EXPECT_TRUE(rule.asked.running_mean.is_same(entries[2].tensor));
  EXPECT_TRUE(rule.asked.running_var.is_same(entries[3].tensor));
  EXPECT_EQ(rule.asked.eps, 1e-3);
  EXPECT_EQ(rule.asked.momentum, kNormMomentum);
}

TEST(BatchNorm, OneValueAChannelGivesTheBiasAndTeachesNothing) {
  const BatchNorm norm(3);
  const auto entries = entries_of(norm);
  entries[1].tensor.detach().copy_(golden_noise("bias", {3}));
  const at::Tensor x = golden_noise("x", {1, 3, 1, 1, 1}).requires_grad_(true);
  const at::Tensor y = norm.forward(x, {.training = true});
  y.sum().backward();
  EXPECT_TRUE(y.flatten().allclose(entries[1].tensor, 0.0, 1e-4));
  EXPECT_EQ(x.grad().count_nonzero().item<std::int64_t>(), 0);
  EXPECT_EQ(entries[2].tensor.count_nonzero().item<std::int64_t>(), 0);
  EXPECT_TRUE(entries[3].tensor.eq(1).all().item<bool>());
}

}  // namespace
}  // namespace larkspur::model3d
