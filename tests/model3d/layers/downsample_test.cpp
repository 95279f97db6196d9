// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/downsample.h"

#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

TEST(Stem, DividesTheMapByItsStride) {
  const at::Tensor x = golden_noise("x", {2, 1, 9, 8, 6});
  EXPECT_EQ(Stem({1, 8, {3, 3, 3}, {2, 2, 2}}).forward(x).sizes(),
            (at::IntArrayRef{2, 8, 5, 4, 3}));
  EXPECT_EQ(Stem({1, 8, {3, 3, 3}, {4, 4, 4}}).forward(x).sizes(),
            (at::IntArrayRef{2, 8, 3, 2, 2}));
}

/// Shapes of the weights of the stem's two convolutions.
std::vector<std::vector<std::int64_t>> weights_of(const Stem& stem) {
  std::vector<NamedTensor> entries;
  stem.add_to(StateDict(&entries));
  std::vector<std::vector<std::int64_t>> shapes;
  for (const NamedTensor& entry : entries) {
    if (entry.tensor.dim() == 5) shapes.push_back(entry.tensor.sizes().vec());
  }
  return shapes;
}

TEST(Stem, StridesInTimeAsToldAndHasThreeTapsThereOnlyWhereItDoes) {
  const at::Tensor x = golden_noise("x", {1, 3, 8, 12, 12});
  const auto stem = [](std::int64_t time) {
    return Stem({3, 8, {3, 3, 3}, {time, 4, 4}, /*lean_depth=*/true});
  };
  using Shapes = std::vector<std::vector<std::int64_t>>;
  EXPECT_EQ(stem(1).forward(x).sizes(), (at::IntArrayRef{1, 8, 8, 3, 3}));
  EXPECT_EQ(stem(2).forward(x).sizes(), (at::IntArrayRef{1, 8, 4, 3, 3}));
  EXPECT_EQ(stem(4).forward(x).sizes(), (at::IntArrayRef{1, 8, 2, 3, 3}));
  EXPECT_EQ(weights_of(stem(1)), (Shapes{{4, 3, 1, 3, 3}, {8, 4, 1, 3, 3}}));
  EXPECT_EQ(weights_of(stem(2)), (Shapes{{4, 3, 3, 3, 3}, {8, 4, 1, 3, 3}}));
  EXPECT_EQ(weights_of(stem(4)), (Shapes{{4, 3, 3, 3, 3}, {8, 4, 3, 3, 3}}));
}

TEST(Stem, KeepsAnAxisOnWhichItHasOneTap) {
  const at::Tensor x = golden_noise("x", {1, 3, 5, 8, 8});
  EXPECT_EQ(Stem({3, 8, {1, 3, 3}, {4, 4, 4}}).forward(x).sizes(),
            (at::IntArrayRef{1, 8, 5, 2, 2}));
}

TEST(Downsample, HalvesTheMapRoundingUp) {
  const at::Tensor x = golden_noise("x", {1, 4, 4, 3, 1});
  EXPECT_EQ(Downsample({4, 8}).forward(x).sizes(), (at::IntArrayRef{1, 8, 2, 2, 1}));
}

TEST(StridedConv, SumsTheNeighboursOfEveryOtherPlace) {
  const StridedConv conv({1, 1, {1, 1, 3}, {2, 2, 2}});
  std::vector<NamedTensor> entries;
  conv.add_to(StateDict(&entries));
  entries[0].tensor.detach().fill_(1.0);
  entries[1].tensor.detach().fill_(0.5);
  const at::Tensor x = golden_noise("x", {1, 1, 1, 1, 5});
  const at::Tensor y = conv.forward(x).flatten();
  const auto place = [&](std::int64_t i) { return x.flatten()[i].item<float>(); };
  EXPECT_NEAR(y[0].item<float>(), place(0) + place(1) + 0.5, 1e-6);
  EXPECT_NEAR(y[1].item<float>(), place(1) + place(2) + place(3) + 0.5, 1e-6);
  EXPECT_NEAR(y[2].item<float>(), place(3) + place(4) + 0.5, 1e-6);
}

}  // namespace
}  // namespace larkspur::model3d
