// SPDX-License-Identifier: Apache-2.0
// The CUDA library's entries and kernels in the place of the CPU's: blocks and norms as a GPU would
// compute them, against float64 and layer by layer; and what the table of launches says of each.
#include <functional>
#include <string>
#include <vector>

#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <gtest/gtest.h>
#include <torch/library.h>

#include "model3d/kernels/cuda_tensors.h"
#include "model3d/layers/cpu_ops.h"
#include "model3d/ops/layer_norm/layer_norm.h"
#include "tests/cuda_on_cpu/every_order.h"
#include "tests/support/backend_calls.h"
#include "tests/support/block_case.h"
#include "tests/support/launches.h"

namespace larkspur::model3d {
namespace {

using cuda_on_cpu::in_every_order;
using larkspur::testing::apart;
using larkspur::testing::BackendCalls;
using larkspur::testing::BlockCase;
using larkspur::testing::BlockOutcome;
using larkspur::testing::generator_of;
using larkspur::testing::run_block;

/// While it lives, ops on the CPU are the CUDA library's, and layers choose as on a GPU.
class CudaOnCpu {
 public:
  CudaOnCpu()
      : library_(torch::Library::IMPL, "larkspur", c10::DispatchKey::CPU, __FILE__, __LINE__) {
    add_channel_mixer_on_cuda(library_);
    add_dw_conv3d_on_cuda(library_);
    add_excite_gate_on_cuda(library_);
    add_layer_norm_on_cuda(library_);
    add_reparam_depthwise_on_cuda(library_);
    add_running_moments_on_cuda(library_);
  }

 private:
  torch::Library library_;
  LayersAsOnGpu as_on_gpu_;
};

/// Kernels of ours that `work` starts, by the table and in fact.
void expect_as_the_table_says(const std::function<void()>& work) {
  const std::uint64_t before = cuda_on_cpu::launches();
  const BackendCalls calls;
  work();
  std::int64_t expected = 0;
  for (const auto& [name, count] : calls.by_name()) {
    if (!larkspur::testing::is_ours(name)) continue;
    expected += count * larkspur::testing::launches_of(name).kernels;
  }
  EXPECT_EQ(static_cast<std::int64_t>(cuda_on_cpu::launches() - before), expected);
  EXPECT_GT(expected, 0);
}

class CudaTwins : public ::testing::TestWithParam<BlockCase> {};

TEST_P(CudaTwins, DoWhatTheLayersDo) {
  const BlockOutcome exact = run_block(GetParam(), at::kDouble, true);
  const BlockOutcome layers = run_block(GetParam(), at::kFloat, true);
  in_every_order([&] {
    const CudaOnCpu twins;
    BlockOutcome got;
    expect_as_the_table_says([&] { got = run_block(GetParam(), at::kFloat, false); });
    ASSERT_EQ(got.size(), exact.size());
    for (const auto& [name, reference] : exact) {
      SCOPED_TRACE(name);
      EXPECT_LT(apart(got.at(name), reference), 1e-5 + 4 * apart(layers.at(name), reference));
    }
  });
}

// Odd channels, rows that no slice divides, several slices a sample, maps smaller than the kernel.
INSTANTIATE_TEST_SUITE_P(
    Blocks,
    CudaTwins,
    ::testing::Values(BlockCase{"image", {3, 20, 1, 15, 13}, {1, 13, 13}},
                      BlockCase{"small map", {4, 16, 1, 5, 5}, {1, 13, 13}},
                      BlockCase{"slices", {2, 36, 1, 14, 14}, {1, 7, 7}, 0.3},
                      BlockCase{"no branches", {3, 40, 1, 9, 12}, {1, 3, 3}, 0.5},
                      BlockCase{"voxels", {2, 12, 3, 4, 4}, {7, 7, 7}, 0.2},
                      BlockCase{"separable", {2, 8, 4, 5, 5}, {5, 7, 7}, 0.0, true},
                      BlockCase{"one position", {70, 12, 1, 1, 1}, {3, 3, 3}}),
    [](const auto& info) { return larkspur::testing::case_name(info.param); });

struct Normed {
  at::Tensor y, dx, dweight, dbias;
};

template <typename Op>
Normed norm(std::int64_t rows, std::int64_t columns, at::ScalarType type, const Op& op) {
  const auto leaf = [&](const char* name, std::vector<std::int64_t> sizes, at::ScalarType as) {
    const at::Tensor drawn = at::randn(sizes, generator_of(name), at::kFloat).to(type);
    return drawn.to(type == at::kDouble ? at::kDouble : as).detach().requires_grad_();
  };
  const at::Tensor x = leaf("x", {rows, columns}, type);
  const at::Tensor weight = leaf("weight", {columns}, at::kFloat);
  const at::Tensor bias = leaf("bias", {columns}, at::kFloat);
  const at::Tensor y = op(x, weight, bias);
  y.mul(at::randn({rows, columns}, generator_of("dy"), at::kFloat).to(y.scalar_type()))
      .sum()
      .backward();
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

TEST(CudaLayerNorm, AgreesWithFloat64) {
  constexpr double kEps = 1e-6;
  for (const auto& [rows, columns] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 20}, {37, 40}, {300, 33}, {5, 320}, {9, 7}}) {
    for (const bool gelu : {false, true}) {
      const Normed exact = norm(rows, columns, at::kDouble, [&](auto&& x, auto&& w, auto&& b) {
        const at::Tensor y = at::layer_norm(x, {x.size(1)}, w, b, kEps);
        return gelu ? at::gelu(y) : y;
      });
      in_every_order([&] {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
        const CudaOnCpu twins;
        Normed got;
        expect_as_the_table_says([&] {
          got = norm(rows, columns, at::kFloat, [&](auto&& x, auto&& w, auto&& b) {
            return layer_norm(x, w, b, kEps, gelu ? Activation::kGelu : Activation::kNone);
          });
        });
        EXPECT_LT(apart(got.y, exact.y), 2e-6);
        EXPECT_LT(apart(got.dx, exact.dx), 2e-5);
        EXPECT_LT(apart(got.dweight, exact.dweight), 5e-6);
        EXPECT_LT(apart(got.dbias, exact.dbias), 5e-6);
      });
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
