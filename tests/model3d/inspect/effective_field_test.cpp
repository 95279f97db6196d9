// SPDX-License-Identifier: Apache-2.0
#include "model3d/inspect/effective_field.h"

#include <array>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tests/support/far_network.h"
#include "tests/support/golden_formula.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;
using larkspur::testing::widen;

/// An image network whose blocks are all the same, small case of the theory: kernels of `value`
/// everywhere, and no means over the whole map.
Network plain_network(std::int64_t taps, double value) {
  Network network({.form = "image",
                   .variant = "micro",
                   .classes = 2,
                   .kernel = Extent3{1, taps, taps},
                   .layer_scale = 1.0});
  for (const NamedTensor& entry : network.entries()) {
    if (entry.name.find(".se.") != std::string::npos) entry.tensor.detach().zero_();
    if (entry.name.find(".dwconv.") != std::string::npos && entry.name.ends_with("weight") &&
        entry.tensor.dim() == 5) {
      entry.tensor.detach().fill_(value);
    }
  }
  return network;
}

TEST(EffectiveField, IsTheMeanOfAbsoluteGradientsOverTheMiddle) {
  const Network network = plain_network(7, 0.02);
  const at::Tensor x = golden_noise("x", {2, 3, 64, 64});
  const EffectiveField field = effective_field(network, x, 0);
  // Stage 1 after a stem of 4: middle place 8 lies over 32 and sees 7 + 2 * 4 = 15 places.
  EXPECT_EQ(field.middle, (Extent3{0, 32, 32}));
  EXPECT_EQ(field.scores_DHW.sizes(), (at::IntArrayRef{1, 64, 64}));
  const at::Tensor scores = field.scores_DHW[0];
  EXPECT_GT(scores.narrow(0, 25, 15).narrow(1, 25, 15).sum().item<double>(), 0);
  EXPECT_EQ(scores.narrow(0, 25, 15).narrow(1, 25, 15).sum().item<double>(),
            scores.sum().item<double>());
  // Against differences of the same scalar in float64, in one place.
  const Network wide = plain_network(7, 0.02);
  widen(wide);
  const auto y = [&](const at::Tensor& input) {
    at::Tensor stage;
    wide.backbone().forward(
        wide.form().as_map(input), {}, [&](const std::string& layer, const at::Tensor& map) {
          if (layer == "stages.0.0") stage = map;
        });
    return stage.select(4, 8).select(3, 8).to(at::kDouble).sum({1, 2});
  };
  double expected = 0;
  constexpr double kStep = 1e-4;
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    at::Tensor more = x.to(at::kDouble);
    at::Tensor less = x.to(at::kDouble);
    more.select(1, channel).select(1, 33).select(1, 30).add_(kStep);
    less.select(1, channel).select(1, 33).select(1, 30).sub_(kStep);
    expected += (y(more) - y(less)).div(2 * kStep).abs().mean().item<double>();
  }
  const double found = scores[33][30].item<double>();
  // Absolute values of gradients that cancel: in float32 single places are up to 8e-4 off.
  EXPECT_NEAR(found, expected, 1e-3 * expected);
}

TEST(EffectiveField, OfLargerKernelsCoversMore) {
  const std::array shares{0.2, 0.3, 0.5, 0.99};
  const at::Tensor x = golden_noise("x", {1, 3, 256, 256});
  std::vector<std::vector<CoveringSquare>> squares;
  for (const std::int64_t taps : {3, 7, 13}) {
    const EffectiveField field = effective_field(plain_network(taps, 0.02), x, 3);
    squares.push_back(
        covering_squares(field.scores_DHW[0], field.middle[1], field.middle[2], shares));
  }
  for (std::size_t i = 0; i < shares.size(); ++i) {
    EXPECT_LT(squares[0][i].side, squares[1][i].side) << shares[i];
    EXPECT_LT(squares[1][i].side, squares[2][i].side) << shares[i];
  }
}

TEST(EffectiveField, LeavesTheNetworksGradientsAlone) {
  const Network network = plain_network(7, 0.02);
  effective_field(network, golden_noise("x", {1, 3, 32, 32}), 3);
  for (const auto& parameter : network.parameters())
    EXPECT_FALSE(parameter.tensor.grad().defined());
}

TEST(CoveringSquares, AreTheSmallestAboutTheMiddle) {
  // Ones on a 9 x 9 map: a square of side s has s * s of 81; 20 % is 16.2, so side 5.
  const at::Tensor ones = at::zeros({9, 9}, at::kDouble).fill_(1.0);
  const auto even = covering_squares(ones, 4, 4, std::array{0.01, 0.2, 0.5, 0.99});
  EXPECT_EQ(even[0].side, 1);
  EXPECT_EQ(even[1].side, 5);
  EXPECT_EQ(even[2].side, 7);
  EXPECT_EQ(even[3].side, 9);
  EXPECT_DOUBLE_EQ(even[1].area_ratio, 25.0 / 81.0);
  // Cut off at the edge: about row 0 a side of 3 has 2 x 3 places.
  EXPECT_DOUBLE_EQ(covering_squares(ones, 0, 4, std::array{0.05})[0].area_ratio, 6.0 / 81.0);
  const at::Tensor tall = at::zeros({12, 4}, at::kDouble).fill_(1.0);
  EXPECT_EQ(covering_squares(tall, 6, 2, std::array{0.99})[0].side, 13);
}

TEST(CoveringSquares, RefuseAFieldOfNothing) {
  for (const double value : {0.0, std::nan("")}) {
    const at::Tensor scores = at::zeros({4, 4}, at::kDouble).fill_(value);
    const auto covering = refusal_of([&] { covering_squares(scores, 2, 2, std::array{0.5}); });
    EXPECT_EQ(covering.code, "invalid argument");
    EXPECT_NE(covering.text.find("no field to show"), std::string::npos) << covering.text;
    EXPECT_EQ(refusal_of([&] { grey_levels(scores); }), covering);
  }
}

TEST(GreyLevels, AreTheFourthRoot) {
  const at::Tensor scores = at::zeros({1, 4}, at::kDouble);
  scores[0][1] = 16.0;
  scores[0][2] = 1.0;
  scores[0][3] = 0.016;
  const at::Tensor grey = grey_levels(scores);
  EXPECT_EQ(grey[0][0].item<int>(), 0);
  EXPECT_EQ(grey[0][1].item<int>(), 255);
  EXPECT_EQ(grey[0][2].item<int>(), 128);  // 255 / 2 rounds to even
  EXPECT_EQ(grey[0][3].item<int>(), 45);
}

}  // namespace
}  // namespace larkspur::model3d
