// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/drop_path.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::model3d {
namespace {

using pipeline::SampleKey;

std::vector<SampleKey> keys_of(std::uint32_t first, std::uint32_t count) {
  std::vector<SampleKey> keys;
  for (std::uint32_t i = 0; i < count; ++i) keys.push_back({.seed = 7, .sample = first + i});
  return keys;
}

at::Tensor dropped(const DropPath& drop_path, const std::vector<SampleKey>& keys) {
  const at::Tensor x = at::ones({static_cast<std::int64_t>(keys.size()), 2, 1, 1, 3});
  return drop_path.forward(x, {.training = true, .keys = keys}).select(1, 0).flatten();
}

TEST(DropPath, TakesEveryBranchWhereThePassSaysSo) {
  const at::Tensor x = at::ones({3, 2, 1, 1, 3});
  const auto keys = keys_of(0, 3);
  const Pass pass{.training = true, .keys = keys, .how = {.random_depth = false}};
  EXPECT_TRUE(DropPath{.rate = 0.99}.forward(x, pass).is_same(x));
}

TEST(DropPath, ASampleFaresTheSameInAnyBatch) {
  const DropPath drop_path{.rate = 0.5, .block = 3};
  const at::Tensor all = dropped(drop_path, keys_of(100, 64));
  const at::Tensor later = dropped(drop_path, keys_of(110, 5));
  EXPECT_TRUE(all.slice(0, 3 * 10, 3 * 15).equal(later));
}

TEST(DropPath, SkipsAsOftenAsItsRateAndScalesTheRest) {
  const at::Tensor all = dropped({.rate = 0.25, .block = 0}, keys_of(0, 4000));
  const double kept = 1.0 / 0.75;
  EXPECT_TRUE((all.eq(0).logical_or(all.eq(static_cast<float>(kept)))).all().item<bool>());
  EXPECT_NEAR(all.eq(0).to(at::kDouble).mean().item<double>(), 0.25, 0.03);
}

TEST(DropPath, BlocksDrawApart) {
  const auto keys = keys_of(0, 64);
  EXPECT_FALSE(dropped({0.5, 1}, keys).equal(dropped({0.5, 2}, keys)));
}

TEST(DropPath, OutsideTrainingNothingIsSkipped) {
  const at::Tensor x = at::ones({8, 2});
  EXPECT_TRUE(DropPath({0.9, 0}).forward(x, {}).is_same(x));
}

TEST(DropPath, RefusesABatchWithoutItsKeys) {
  EXPECT_THROW(DropPath({0.5, 0}).forward(at::ones({2, 2}), {.training = true}), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::model3d
