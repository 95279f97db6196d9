// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "model3d/layers/extent.h"
#include "model3d/ops/dw_conv3d/dw_conv3d.h"
#include "pipeline/error.h"
#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_entry;
using larkspur::testing::golden_noise;

/// One tap after the other in float64: y += w[tap] * x shifted by the tap's place, zeros outside.
at::Tensor tap_by_tap(const at::Tensor& x, const at::Tensor& weight, const Extent3& rate) {
  const at::Tensor source = x.detach().to(at::kDouble);
  const at::Tensor kernel = weight.detach().to(at::kDouble);
  at::Tensor y = at::zeros(x.sizes(), at::kDouble);
  for (std::int64_t tap = 0; tap < kernel[0].numel(); ++tap) {
    const Extent3 at_tap{tap / (kernel.size(3) * kernel.size(4)),
                         tap / kernel.size(4) % kernel.size(3),
                         tap % kernel.size(4)};
    at::Tensor from = source;
    at::Tensor to = y;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto dim = static_cast<std::int64_t>(axis) + 2;
      const std::int64_t shift = rate[axis] * (at_tap[axis] - kernel.size(dim) / 2);
      const std::int64_t size = source.size(dim);
      const std::int64_t overlap = std::max<std::int64_t>(size - std::abs(shift), 0);
      from = from.narrow(dim, std::min(std::max<std::int64_t>(shift, 0), size - overlap), overlap);
      to = to.narrow(dim, std::min(std::max<std::int64_t>(-shift, 0), size - overlap), overlap);
    }
    to.add_(from * kernel.flatten(1).select(1, tap).view({-1, 1, 1, 1}));
  }
  return y;
}

struct Case {
  std::vector<std::int64_t> map;
  Extent3 taps;
  Extent3 rate;
};

class DepthwiseConvCases : public ::testing::TestWithParam<Case> {};

TEST_P(DepthwiseConvCases, AgreesWithSummingTapByTap) {
  const Case& one = GetParam();
  const at::Tensor x = golden_noise("x", one.map);
  const at::Tensor weight =
      golden_noise("weight", {one.map[1], 1, one.taps[0], one.taps[1], one.taps[2]});
  const at::Tensor expected = tap_by_tap(x, weight, one.rate);
  const at::Tensor y = dw_conv3d(x, weight, one.rate);
  ASSERT_EQ(y.sizes(), x.sizes());
  EXPECT_LE((y - expected).abs().max().item<double>(),
            larkspur::testing::kConvolutionRelative * expected.abs().max().item<double>());
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    DepthwiseConvCases,
    ::testing::Values(Case{{2, 3, 8, 8, 8}, {3, 3, 3}, {1, 1, 1}},
                      Case{{1, 5, 2, 2, 2}, {13, 13, 13}, {1, 1, 1}},  // map under the kernel
                      Case{{1, 1, 1, 1, 1}, {7, 7, 7}, {1, 1, 1}},     // one place
                      Case{{2, 4, 1, 9, 6}, {1, 13, 13}, {1, 1, 1}},   // a picture
                      Case{{1, 2, 5, 11, 7}, {3, 5, 3}, {1, 2, 5}},    // rates per axis
                      Case{{1, 2, 4, 4, 4}, {3, 3, 3}, {5, 5, 5}}));   // only the middle tap meets

TEST(DepthwiseConv, HasTheGoldenGradients) {
  const auto file = larkspur::testing::read_golden("conv3d_video.json");
  const at::Tensor x = golden_noise("block3d.input", {1, 8, 8, 16, 16}).requires_grad_(true);
  const at::Tensor cotangent = golden_noise("block3d.cotangent", {1, 8, 8, 16, 16});
  const at::Tensor weight =
      golden_entry("block3d.dwconv.dil_conv4.weight", {8, 1, 3, 3, 3}).requires_grad_(true);
  const at::Tensor y = dw_conv3d(x, weight, {2, 5, 5});
  y.backward(cotangent);
  const auto expect = [&](const std::string& what, const at::Tensor& actual) {
    const auto& records = file.at("records");
    larkspur::testing::expect_record(
        larkspur::testing::record_named(records, "conv.dil_conv4." + what), actual);
  };
  expect("out", y);
  expect("grad_input", x.grad());
  expect("grad_weight", weight.grad());
}

TEST(DepthwiseConv, RefusesAnotherNumberOfChannels) {
  const at::Tensor x = golden_noise("x", {1, 4, 3, 3, 3});
  EXPECT_THROW(dw_conv3d(x, golden_noise("w", {3, 1, 3, 3, 3}), {1, 1, 1}), pipeline::Error);
  EXPECT_THROW(dw_conv3d(x, golden_noise("w", {4, 1, 3, 4, 3}), {1, 1, 1}), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::model3d
