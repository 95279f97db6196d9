// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/pointwise.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

TEST(Pointwise, MapsTheChannelsOfEveryPlace) {
  const Pointwise map(3, 2);
  std::vector<NamedTensor> entries;
  map.add_to(StateDict(&entries));
  ASSERT_EQ(entries.size(), 2U);
  entries[1].tensor.set_data(testing::golden_noise("bias", {2}));
  entries[0].tensor.set_data(testing::golden_noise("weight", {2, 3}));
  const at::Tensor x = testing::golden_noise("x", {2, 3, 5});
  const at::Tensor y = map.forward(x).detach();
  for (std::int64_t n = 0; n < 2; ++n) {
    for (std::int64_t o = 0; o < 2; ++o) {
      for (std::int64_t m = 0; m < 5; ++m) {
        double expected = entries[1].tensor[o].item<double>();
        for (std::int64_t i = 0; i < 3; ++i) {
          expected += entries[0].tensor[o][i].item<double>() * x[n][i][m].item<double>();
        }
        EXPECT_NEAR(y[n][o][m].item<double>(), expected, 1e-6);
      }
    }
  }
}

TEST(Pointwise, StartsWithADeviationThatKeepsTheSizeOfPlaces) {
  const Pointwise map(64, 400, Bias::kNone);
  std::vector<NamedTensor> entries;
  map.add_to(StateDict(&entries));
  ASSERT_EQ(entries.size(), 1U);
  draw_weights(entries, 3);
  EXPECT_NEAR(entries[0].tensor.std().item<double>(), 1.0 / 8.0, 0.002);
}

}  // namespace
}  // namespace larkspur::model3d
