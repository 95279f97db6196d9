// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/time_padding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/conv3d.h>
#include <gtest/gtest.h>

#include "model3d/depthwise/depthwise_conv.h"
#include "model3d/layers/downsample.h"
#include "model3d/ops/dw_conv3d/dw_conv3d.h"
#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

/// x with frames looked up at -count .. D + count - 1, brought back to 0 .. D - 1.
at::Tensor looked_up(const at::Tensor& x, std::int64_t count) {
  const at::Tensor places = at::arange(-count, x.size(2) + count).clamp(0, x.size(2) - 1);
  return x.index_select(2, places);
}

/// The padded convolution by the library, in float64.
at::Tensor reference(const at::Tensor& x, const at::Tensor& weight, const Extent3& rate) {
  const auto side = [&](std::int64_t axis) {
    return rate[static_cast<std::size_t>(axis)] * (weight.size(axis + 2) / 2);
  };
  return at::conv3d(looked_up(x, side(0)).to(at::kDouble),
                    weight.to(at::kDouble),
                    {},
                    {1, 1, 1},
                    {0, side(1), side(2)},
                    rate,
                    x.size(1));
}

at::Tensor with_repeated_ends(const at::Tensor& x, const at::Tensor& weight, const Extent3& rate) {
  at::Tensor y = dw_conv3d(x, weight, rate);
  add_repeated_ends(y, x, weight, rate);
  return y;
}

struct Case {
  std::int64_t frames;
  Extent3 taps;
  Extent3 rate;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.frames << " frames, " << to_text(one.taps) << " at " << to_text(one.rate);
}

class RepeatedFrames : public ::testing::TestWithParam<Case> {};

TEST_P(RepeatedFrames, IsAConvolutionOfFramesLookedUpBeyondTheEnds) {
  const auto& [frames, taps, rate] = GetParam();
  const at::Tensor x = golden_noise("x", {2, 3, frames, 6, 5});
  const at::Tensor weight = golden_noise("w", {3, 1, taps[0], taps[1], taps[2]});
  const at::Tensor expected = reference(x, weight, rate);
  const double largest_value = expected.abs().max().item<double>();
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor y = with_repeated_ends(x.to(type), weight.to(type), rate);
    ASSERT_EQ(y.sizes(), x.sizes());
    const double tolerance = type == at::kFloat ? larkspur::testing::kConvolutionRelative
                                                : larkspur::testing::kGoldenDigits;
    EXPECT_LE((y - expected).abs().max().item<double>(), tolerance * largest_value) << type;
  }
}

TEST_P(RepeatedFrames, LetsGradientsThrough) {
  const auto& [frames, taps, rate] = GetParam();
  const at::Tensor x = golden_noise("x", {2, 3, frames, 6, 5}).requires_grad_(true);
  const at::Tensor weight =
      golden_noise("w", {3, 1, taps[0], taps[1], taps[2]}).requires_grad_(true);
  const at::Tensor cotangent = golden_noise("dy", {2, 3, frames, 6, 5});
  const auto gradients = [&](const at::Tensor& y) {
    x.mutable_grad() = at::Tensor();
    weight.mutable_grad() = at::Tensor();
    (y * cotangent).sum().backward();
    return std::array{x.grad().clone(), weight.grad().clone()};
  };
  const auto expected = gradients(reference(x, weight, rate));
  const auto seen = gradients(with_repeated_ends(x, weight, rate));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_LE((seen[i] - expected[i]).abs().max().item<double>(),
              larkspur::testing::kConvolutionRelative * expected[i].abs().max().item<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels,
                         RepeatedFrames,
                         ::testing::Values(Case{1, {3, 3, 3}, {1, 1, 1}},
                                           Case{2, {5, 3, 5}, {1, 1, 1}},
                                           Case{3, {3, 3, 3}, {2, 2, 1}},
                                           Case{4, {5, 1, 1}, {1, 1, 1}},
                                           Case{5, {5, 3, 3}, {3, 1, 2}},
                                           Case{7, {7, 5, 3}, {2, 1, 1}},
                                           Case{9, {3, 13, 13}, {2, 1, 1}},
                                           Case{6, {1, 3, 3}, {1, 1, 1}}));

TEST(RepeatedEnds, AreTheFirstAndTheLastFrame) {
  const at::Tensor x = golden_noise("x", {2, 3, 4, 2, 2});
  EXPECT_TRUE(repeat_ends(x, 3).equal(looked_up(x, 3)));
}

TEST(RepeatedEnds, KeepTheOrderOfChannelsLast) {
  const at::Tensor x =
      golden_noise("x", {2, 3, 4, 6, 5}).contiguous(at::MemoryFormat::ChannelsLast3d);
  const at::Tensor weight = golden_noise("w", {3, 1, 5, 3, 3});
  const at::Tensor y = with_repeated_ends(x, weight, {1, 1, 1});
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast3d));
  EXPECT_TRUE(y.allclose(reference(x, weight, {1, 1, 1}).to(at::kFloat), 1e-5, 1e-5));
}

class StridedInTime : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(StridedInTime, SeesTheEndFramesAgain) {
  const std::int64_t frames = GetParam();
  const StridedConv conv(
      {.inputs = 3, .outputs = 4, .lean_depth = true, .padding = TimePadding::kReplicate});
  std::vector<NamedTensor> entries;
  conv.add_to(StateDict(&entries));
  larkspur::testing::fill_by_formula(entries);
  const at::Tensor x = golden_noise("x", {2, 3, frames, 6, 5});
  const at::Tensor expected = at::conv3d(looked_up(x, 1).to(at::kDouble),
                                         entries[0].tensor.to(at::kDouble),
                                         entries[1].tensor.to(at::kDouble),
                                         {2, 2, 2},
                                         {0, 1, 1});
  const at::Tensor y = conv.forward(x);
  ASSERT_EQ(y.sizes(), expected.sizes());
  EXPECT_EQ(y.size(2), (frames + 1) / 2);
  EXPECT_TRUE(y.to(at::kDouble).allclose(expected, 1e-5, 1e-6));
}

INSTANTIATE_TEST_SUITE_P(Frames, StridedInTime, ::testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace larkspur::model3d
