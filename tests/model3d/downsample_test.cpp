// SPDX-License-Identifier: Apache-2.0
#include "model3d/downsample.h"

#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

TEST(Stem, DividesTheMapByItsStride) {
  const at::Tensor x = golden_noise("x", {2, 1, 9, 8, 6});
  EXPECT_EQ(Stem({1, 8, {3, 3, 3}, 2}).forward(x).sizes(), (at::IntArrayRef{2, 8, 5, 4, 3}));
  EXPECT_EQ(Stem({1, 8, {3, 3, 3}, 4}).forward(x).sizes(), (at::IntArrayRef{2, 8, 3, 2, 2}));
}

TEST(Stem, KeepsAnAxisOnWhichItHasOneTap) {
  const at::Tensor x = golden_noise("x", {1, 3, 5, 8, 8});
  EXPECT_EQ(Stem({3, 8, {1, 3, 3}, 4}).forward(x).sizes(), (at::IntArrayRef{1, 8, 5, 2, 2}));
}

TEST(Downsample, HalvesTheMapRoundingUp) {
  const at::Tensor x = golden_noise("x", {1, 4, 4, 3, 1});
  EXPECT_EQ(Downsample({4, 8}).forward(x).sizes(), (at::IntArrayRef{1, 8, 2, 2, 1}));
}

TEST(StridedConv, SumsTheNeighboursOfEveryOtherPlace) {
  const StridedConv conv({1, 1, {1, 1, 3}, 2});
  std::vector<Entry> entries;
  conv.list(Listing(&entries));
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
