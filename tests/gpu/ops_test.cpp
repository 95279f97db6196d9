// SPDX-License-Identifier: Apache-2.0
// The CUDA twins of our own operations against their CPU twins and written-out references.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "model3d/ops/dw_conv3d/dw_conv3d.h"
#include "pipeline/ops/adamw.h"
#include "pipeline/ops/chunk_norms.h"
#include "tests/gpu/gpu.h"
#include "tests/support/chunk_sums.h"
#include "tests/support/golden_formula.h"

namespace larkspur::pipeline {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::gpu;

/// Both twins round after every operation, in the same order: nothing may differ.
TEST(AdamWOnGpu, GivesTheBitsOfTheCpu) {
  const std::vector<std::int64_t> shape{1000003};
  std::vector<AdamWPiece> pieces{{0, 0, 1, 0}, {63, 1, 62, 1}, {200, 63, 257, 0}};
  for (std::int64_t at = 400; at < shape[0]; at += kAdamWPieceElements) {
    pieces.push_back({at, at, std::min(kAdamWPieceElements, shape[0] - at), at % 2});
  }
  const AdamWTensors host{golden_noise("value", shape),
                          at::zeros(shape),
                          at::zeros(shape),
                          golden_noise("gradient", shape)};
  const AdamWTensors device{host.value.to(gpu(), false, true),
                            host.moment1.to(gpu(), false, true),
                            host.moment2.to(gpu(), false, true),
                            host.gradient.to(gpu())};
  AdamWScalars scalars;
  scalars.gradient_scale = 0.37F;
  for (int step = 1; step <= 3; ++step) {
    scalars.root_correction2 = 0.1F * static_cast<float>(step);
    const std::vector<AdamWRates> rates{{1e-3F * static_cast<float>(step), 0.9995F}, {3e-4F, 1.0F}};
    adamw_(host, adamw_table(pieces, at::kCPU), scalars, rates);
    adamw_(device, adamw_table(pieces, gpu()), scalars, rates);
  }
  EXPECT_TRUE(at::equal(host.value, device.value.cpu()));
  EXPECT_TRUE(at::equal(host.moment1, device.moment1.cpu()));
  EXPECT_TRUE(at::equal(host.moment2, device.moment2.cpu()));
}

TEST(AdamWOnGpu, TakesNothing) {
  const at::Tensor none = at::zeros({0}, gpu());
  EXPECT_NO_THROW(adamw_({none, none, none, none}, adamw_table({}, gpu()), {}, {}));
}

TEST(ChunkNormsOnGpu, AddInTheOrderTheyPromise) {
  constexpr std::int64_t kChunks = 37;
  const at::Tensor gradient = golden_noise("gradient", {kChunks * 4096});
  const at::Tensor sums = chunk_square_sums(gradient.to(gpu()), 0.3).cpu();
  ASSERT_EQ(sums.numel(), kChunks);
  for (std::int64_t k = 0; k < kChunks; ++k) {
    const float* values = gradient.const_data_ptr<float>() + k * 4096;
    EXPECT_EQ(sums[k].item<double>(), larkspur::testing::square_sum_in_halves(values, 0.3));
    const double in_order = larkspur::testing::square_sum_in_order(values, 0.3);
    EXPECT_NEAR(sums[k].item<double>(), in_order, 1e-12 * in_order);
  }
}

TEST(ChunkNormsOnGpu, DoNotDependOnTheNumberOfChunks) {
  const at::Tensor gradient = golden_noise("gradient", {64 * 4096}).to(gpu());
  const at::Tensor all = chunk_square_sums(gradient, 1.0);
  for (const std::int64_t first : {0, 5, 63}) {
    const at::Tensor part = chunk_square_sums(gradient.narrow(0, first * 4096, 4096), 1.0);
    EXPECT_TRUE(at::equal(part, all.narrow(0, first, 1)));
  }
}

/// Both layouts and every type on the GPU against float64 on the CPU, with room for one rounding.
TEST(DwConv3dOnGpu, AgreesWithFloat64OnTheCpu) {
  using model3d::dw_conv3d;
  const std::array<std::pair<at::ScalarType, double>, 3> types{
      {{at::kFloat, 2e-5}, {at::kBFloat16, 1.0 / 128}, {at::kHalf, 1.0 / 1024}}};
  for (const auto& [type, bound] : types) {
    if (gpu().is_cpu() && type != at::kFloat) continue;  // a rehearsal: the library's, not ours
    for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast3d}) {
      SCOPED_TRACE(c10::toString(type));
      const at::Tensor x = golden_noise("x", {3, 20, 5, 14, 33}).to(type);
      const at::Tensor k = golden_noise("k", {20, 1, 3, 13, 13}).to(type);
      const at::Tensor dy = golden_noise("dy", {3, 20, 5, 14, 33}).to(type);
      const auto run = [&](at::Device device, at::ScalarType as) {
        const auto leaf = [&](const at::Tensor& tensor) {
          return tensor.to(device, as).detach().requires_grad_();
        };
        const at::Tensor in = leaf(x);
        const at::Tensor weight = leaf(k);
        const at::Tensor y = dw_conv3d(in.contiguous(format), weight);
        y.backward(dy.to(device, as).contiguous(format));
        return std::array{y.detach().cpu().to(at::kDouble),
                          in.grad().cpu().to(at::kDouble),
                          weight.grad().cpu().to(at::kDouble)};
      };
      const auto expected = run(at::kCPU, at::kDouble);
      const auto actual = run(gpu(), type);
      for (std::size_t i = 0; i < 3; ++i) {
        const double worst = (actual[i] - expected[i]).abs().max().item<double>();
        EXPECT_LE(worst, bound * expected[i].abs().max().item<double>()) << "result " << i;
      }
    }
  }
}

}  // namespace
}  // namespace larkspur::pipeline
