// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/state_dict.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace larkspur::model3d {
namespace {

std::vector<NamedTensor> three_entries() {
  std::vector<NamedTensor> entries;
  const StateDict all(&entries);
  all.under("a").drawn("weight", make_parameter(at::zeros({40, 50})));
  all.under("b").drawn("weight", make_parameter(at::zeros({40, 50})));
  all.under("a").under("norm").constant("weight", make_parameter(at::ones({4})));
  return entries;
}

TEST(Entries, AreNamedOnTheWayDown) {
  const auto entries = three_entries();
  EXPECT_EQ(entries[0].name, "a.weight");
  EXPECT_EQ(entries[2].name, "a.norm.weight");
}

TEST(Entries, DrawnOnesDependOnSeedAndNameOnly) {
  const auto entries = three_entries();
  const auto again = three_entries();
  draw_weights(entries, 1);
  draw_weights({again[1], again[0]}, 1);
  EXPECT_TRUE(entries[0].tensor.equal(again[0].tensor));
  EXPECT_FALSE(entries[0].tensor.equal(entries[1].tensor));
  draw_weights(again, 2);
  EXPECT_FALSE(entries[0].tensor.equal(again[0].tensor));
}

TEST(Entries, DrawnOnesHaveThePublishedDeviationAndConstantsStay) {
  const auto entries = three_entries();
  draw_weights(entries, 1);
  EXPECT_NEAR(entries[0].tensor.std().item<double>(), 0.02, 0.001);
  EXPECT_NEAR(entries[0].tensor.mean().item<double>(), 0.0, 0.002);
  EXPECT_TRUE(entries[2].tensor.equal(at::ones({4})));
}

TEST(Entries, VectorsAndBiasesDoNotDecay) {
  const at::Tensor vector = at::zeros({4});
  const at::Tensor matrix = at::zeros({4, 4});
  EXPECT_TRUE(decays({"head.weight", matrix, TensorKind::kDrawn}));
  EXPECT_FALSE(decays({"x.bias", matrix, TensorKind::kConstant}));
  EXPECT_FALSE(decays({"stages.0.0.gamma", vector, TensorKind::kConstant}));
  EXPECT_TRUE(decays({"act.1.gamma", at::zeros({1, 1, 1, 4}), TensorKind::kConstant}));
}

}  // namespace
}  // namespace larkspur::model3d
