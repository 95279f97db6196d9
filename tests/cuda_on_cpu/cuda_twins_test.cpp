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
#include "model3d/kernels/instruction_set.h"
#include "model3d/layers/cpu_ops.h"
#include "model3d/layers/layer_norm.h"
#include "model3d/layers/squeeze_excite.h"
#include "model3d/ops/layer_norm/layer_norm.h"
#include "pipeline/precision.h"
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

/// Kernels of ours that `work` starts, by the table and in fact; in 16 bits the table has the most.
void expect_as_the_table_says(const std::function<void()>& work, bool in_16_bits = false) {
  const std::uint64_t before = cuda_on_cpu::launches();
  const BackendCalls calls;
  work();
  std::int64_t expected = 0;
  std::int64_t more = 0;
  for (const auto& [name, count] : calls.by_name()) {
    if (!larkspur::testing::is_ours(name)) continue;
    const larkspur::testing::LaunchesOfAnOp op = larkspur::testing::launches_of(name);
    expected += count * op.kernels;
    if (in_16_bits) more += count * op.more_kernels;
  }
  const auto started = static_cast<std::int64_t>(cuda_on_cpu::launches() - before);
  EXPECT_GE(started, expected);
  EXPECT_LE(started, expected + more);
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

/// The largest relative error of one rounding.
double unit_of(at::ScalarType type) {
  if (type == at::kBFloat16) return 0x1p-8;
  return type == at::kHalf ? 0x1p-11 : 0x1p-24;
}

/// In roundings. On a CPU layers keep depthwise convolutions in float32, and what a norm takes away
/// of the gradients of their kernels, of one tap all but nothing, is rounded before.
double roundings_of(const std::string& name) {
  const bool is_kernel = name.starts_with("dwconv.") && name.find("bn") == std::string::npos;
  return is_kernel ? 32 : 4;
}

/// Under autocast: elsewhere the fused passes round where layers do, or less often. Without
/// AVX-512 BF16 layers have no bfloat16 of their own; those in float16, whose roundings are as much
/// smaller as its unit, stand in for them.
void expect_as_layers_in_16_bits(const BlockCase& c, pipeline::Precision precision) {
  const BlockOutcome exact = run_block(c, at::kDouble, true);
  const bool brain = precision == pipeline::Precision::kBFloat16;
  const double unit = unit_of(brain ? at::kBFloat16 : at::kHalf);
  const bool stands_in = brain && !multiplies_bfloat16();
  const BlockOutcome layers =
      run_block(c, at::kFloat, true, stands_in ? pipeline::Precision::kFloat16 : precision);
  const double as_large = stands_in ? unit / unit_of(at::kHalf) : 1.0;
  in_every_order([&] {
    const CudaOnCpu twins;
    BlockOutcome got;
    expect_as_the_table_says([&] { got = run_block(c, at::kFloat, false, precision); }, true);
    EXPECT_GT(apart(got.at("dx"), exact.at("dx")), unit / 64) << "nothing was rounded";
    for (const auto& [name, reference] : exact) {
      SCOPED_TRACE(name);
      EXPECT_EQ(got.at(name).scalar_type(), at::kFloat);
      EXPECT_LT(apart(got.at(name), reference),
                roundings_of(name) * unit + 3 * as_large * apart(layers.at(name), reference));
    }
  });
}

TEST_P(CudaTwins, DoInBfloat16WhatTheLayersDo) {
  expect_as_layers_in_16_bits(GetParam(), pipeline::Precision::kBFloat16);
}

TEST_P(CudaTwins, DoInFloat16WhatTheLayersDo) {
  expect_as_layers_in_16_bits(GetParam(), pipeline::Precision::kFloat16);
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

/// x's values are ones that `drawn_as` has, computed in `type`, with weights of float32 or wider.
template <typename Op>
Normed norm(std::int64_t rows,
            std::int64_t columns,
            at::ScalarType drawn_as,
            at::ScalarType type,
            const Op& op) {
  const at::ScalarType wide = type == at::kDouble ? at::kDouble : at::kFloat;
  const auto drawn = [](const char* name, std::vector<std::int64_t> sizes) {
    return at::randn(sizes, generator_of(name), at::kFloat);
  };
  const at::Tensor x = drawn("x", {rows, columns}).to(drawn_as).to(type).requires_grad_();
  const at::Tensor weight = drawn("weight", {columns}).to(wide).requires_grad_();
  const at::Tensor bias = drawn("bias", {columns}).to(wide).requires_grad_();
  const at::Tensor y = op(x, weight, bias);
  y.mul(drawn("dy", {rows, columns}).to(wide)).sum().backward();
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

class CudaLayerNorm : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(CudaLayerNorm, AgreesWithFloat64) {
  constexpr double kEps = 1e-6;
  const at::ScalarType type = GetParam();
  for (const auto& [rows, columns] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 20}, {37, 40}, {300, 33}, {5, 320}, {9, 7}}) {
    for (const bool gelu : {false, true}) {
      const Normed exact =
          norm(rows, columns, type, at::kDouble, [&](auto&& x, auto&& w, auto&& b) {
            const at::Tensor y = at::layer_norm(x, {x.size(1)}, w, b, kEps);
            return gelu ? at::gelu(y) : y;
          });
      in_every_order([&] {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
        const CudaOnCpu twins;
        Normed got;
        expect_as_the_table_says([&] {
          got = norm(rows, columns, type, type, [&](auto&& x, auto&& w, auto&& b) {
            return layer_norm(x, w, b, kEps, gelu ? Activation::kGelu : Activation::kNone);
          });
        });
        EXPECT_EQ(got.y.scalar_type(), at::kFloat);
        EXPECT_EQ(got.dx.scalar_type(), type);
        EXPECT_LT(apart(got.y, exact.y), 2e-6);
        EXPECT_LT(apart(got.dx, exact.dx), 2e-5 + unit_of(type));  // rounded once
        EXPECT_LT(apart(got.dweight, exact.dweight), 5e-6);
        EXPECT_LT(apart(got.dbias, exact.dbias), 5e-6);
      });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types,
                         CudaLayerNorm,
                         ::testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& info) { return c10::toString(info.param); });

// The layers' choice under autocast: a map in 16 bits is read as it is, and float32 comes out.
TEST(CudaLayers, NormAndGateAreOpsUnderAutocast) {
  const CudaOnCpu twins;
  const LayerNorm norm(12);
  const SqueezeExcite gate(12, 3);
  const at::Tensor map = at::randn({2, 12, 1, 3, 5}, at::kBFloat16);
  const at::Tensor means = at::randn({2, 12});
  const BackendCalls calls;
  pipeline::PrecisionScope scope(pipeline::Precision::kBFloat16, at::kCPU);
  EXPECT_EQ(norm.forward(map).scalar_type(), at::kFloat);
  EXPECT_EQ(norm.forward_gelu(map).scalar_type(), at::kFloat);
  EXPECT_EQ(gate.gate(means).scalar_type(), at::kFloat);
  scope.end();
  EXPECT_EQ(calls.by_name().at("larkspur::layer_norm"), 2);
  EXPECT_EQ(calls.by_name().at("larkspur::excite_gate"), 1);
}

}  // namespace
}  // namespace larkspur::model3d
