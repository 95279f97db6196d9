// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/layer_norm.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

LayerNorm golden_norm() {
  LayerNorm norm(12);
  std::vector<NamedTensor> entries;
  norm.add_to(StateDict(&entries, "op.ln"));
  larkspur::testing::fill_by_formula(entries);
  return norm;
}

TEST(LayerNorm, NormalisesChannelsAtEachPlaceAsTheGoldenFileSays) {
  const auto file = larkspur::testing::read_golden("ops.json");
  const at::Tensor x = larkspur::testing::golden_noise("op.ln", {2, 12, 1, 3, 5}) * 0x1p-10;
  const auto& record = larkspur::testing::record_named(file.at("ops"), "layernorm_nchw_small");
  larkspur::testing::expect_record(record.at("out"), golden_norm().forward(x));
}

TEST(LayerNorm, NormalisesRowsAsTheGoldenFileSays) {
  const auto file = larkspur::testing::read_golden("ops.json");
  const at::Tensor x = larkspur::testing::golden_noise("op.hn", {4, 12}) * 0x1p-10;
  const auto& record = larkspur::testing::record_named(file.at("ops"), "layernorm_last_small");
  larkspur::testing::expect_record(record.at("out"), golden_norm().forward(x));
}

}  // namespace
}  // namespace larkspur::model3d
