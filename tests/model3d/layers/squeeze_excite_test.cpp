// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/squeeze_excite.h"

#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

TEST(SqueezeExcite, GatesAsTheGoldenFileSays) {
  const auto file = larkspur::testing::read_golden("ops.json");
  const SqueezeExcite gate(12, 3);
  std::vector<NamedTensor> entries;
  gate.add_to(StateDict(&entries, "op.se"));
  larkspur::testing::fill_by_formula(entries);
  const at::Tensor x = larkspur::testing::golden_noise("op.sein", {2, 12, 1, 3, 5});
  const auto& record = larkspur::testing::record_named(file.at("ops"), "se");
  larkspur::testing::expect_record(record.at("out"), gate.forward(x));
}

TEST(SqueezeExcite, SeesTheWholeMapThroughItsMean) {
  const SqueezeExcite gate(8, 2);
  std::vector<NamedTensor> entries;
  gate.add_to(StateDict(&entries, "op.se"));
  larkspur::testing::fill_by_formula(entries);
  const at::Tensor x = larkspur::testing::golden_noise("x", {1, 8, 2, 3, 4});
  const at::Tensor turned = x.flip({2, 3, 4});
  EXPECT_TRUE(gate.forward(turned).allclose(gate.forward(x).flip({2, 3, 4}), 1e-5, 1e-6));
}

}  // namespace
}  // namespace larkspur::model3d
