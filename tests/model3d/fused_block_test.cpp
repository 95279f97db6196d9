// SPDX-License-Identifier: Apache-2.0
// A block in training through its fused ops against the layers one by one, which are the
// specification: output, gradients and running statistics, in float32 and against float64.
#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "model3d/large_kernel_block.h"

namespace larkspur::model3d {
namespace {

/// Each batch by itself, as without a hook: a pass that has one goes through the layers.
class OneByOne final : public pipeline::BatchNormHook {
 public:
  at::Tensor normalise(const pipeline::BatchNormCall& call) override {
    return at::batch_norm(call.x,
                          call.weight,
                          call.bias,
                          call.running_mean,
                          call.running_var,
                          true,
                          call.momentum,
                          call.eps,
                          false);
  }
};

struct BlockCase {
  const char* name;
  std::vector<std::int64_t> sizes;  ///< N C D H W
  Extent3 taps;
  double drop_path = 0.0;
  bool separable = false;
};

const std::vector<BlockCase> kBlocks{
    {"image, 13x13 with six branches", {5, 20, 1, 15, 13}, {1, 13, 13}},
    {"a map smaller than the kernel", {8, 16, 1, 7, 7}, {1, 13, 13}},
    {"rows longer than a register block", {2, 36, 1, 28, 28}, {1, 13, 13}, 0.3},
    {"small kernel, no branches", {3, 40, 1, 24, 24}, {1, 3, 3}, 0.5},
    {"voxels 13^3", {2, 20, 5, 6, 4}, {13, 13, 13}, 0.2},
    {"clip, separable", {2, 16, 4, 9, 9}, {5, 13, 13}, 0.0, true},
    {"one position, many samples", {70, 12, 1, 1, 1}, {3, 3, 3}},
    {"many small samples", {67, 8, 2, 2, 2}, {13, 13, 13}, 0.4},
};

struct Outcome {
  std::map<std::string, at::Tensor> values;
};

class FusedBlock : public ::testing::TestWithParam<BlockCase> {
 protected:
  /// A block far from where training begins, in the given type, with its input.
  Outcome run(at::ScalarType type, bool one_by_one) {
    const LargeKernelBlock block = far_block(type);
    std::vector<NamedTensor> entries;
    block.add_to(StateDict(&entries));
    const at::Tensor x = draw_input("x", type).requires_grad_();
    Pass pass{.training = true, .keys = keys_};
    OneByOne hook;
    if (one_by_one) pass.how.norms = &hook;

    const at::Tensor y = block.forward(x, pass);
    (y * draw_input("dy", type)).sum().backward();

    Outcome outcome{{{"y", y.detach()}, {"dx", x.grad()}}};
    for (const NamedTensor& entry : entries) {
      const bool trained = entry.kind != TensorKind::kStatistic;
      outcome.values[entry.name] = trained ? entry.tensor.grad() : entry.tensor.clone();
    }
    return outcome;
  }

  static LargeKernelBlock far_block(at::ScalarType type) {
    const BlockCase& c = GetParam();
    LargeKernelBlock block({.channels = c.sizes[1],
                            .taps = c.taps,
                            .layer_scale = 0.5,
                            .drop_path = {.rate = c.drop_path, .block = 3},
                            .separable_time = c.separable});
    std::vector<NamedTensor> entries;
    block.add_to(StateDict(&entries));
    draw(entries, type);
    return block;
  }

  static at::Tensor draw_input(const std::string& name, at::ScalarType type) {
    return at::randn(GetParam().sizes, generator(name), at::kFloat).to(type);
  }

  void SetUp() override {
    for (std::int64_t i = 0; i < GetParam().sizes[0]; ++i) {
      keys_.push_back({.seed = 5, .epoch = 1, .sample = static_cast<std::uint32_t>(i)});
    }
  }

 private:
  static at::Generator generator(const std::string& name) {
    return at::make_generator<at::CPUGeneratorImpl>(std::hash<std::string>{}(name));
  }
  static void draw(const std::vector<NamedTensor>& entries, at::ScalarType type) {
    for (const NamedTensor& entry : entries) {
      at::Tensor values = at::randn(entry.tensor.sizes(), generator(entry.name), at::kFloat);
      if (entry.kind == TensorKind::kDrawn) values.mul_(0.3);
      if (entry.kind == TensorKind::kConstant) values.mul_(0.3).add_(0.7);
      if (entry.name.ends_with("running_var")) values.abs_().add_(0.1);
      entry.tensor.set_data(values.to(type));
    }
  }

  std::vector<pipeline::SampleKey> keys_;
};

/// Largest difference, of the reference's largest value. Gradients that the norm behind cancels are
/// rounding alone, so a reference counts as no smaller than one.
double apart(const at::Tensor& got, const at::Tensor& reference) {
  const at::Tensor exact = reference.to(at::kDouble);
  const double size = std::max(1.0, exact.abs().max().item<double>());
  return (got.to(at::kDouble) - exact).abs().max().item<double>() / size;
}

TEST_P(FusedBlock, DoesWhatItsLayersDo) {
  const Outcome exact = run(at::kDouble, true);
  const Outcome layers = run(at::kFloat, true);

  const Outcome fused = run(at::kFloat, false);

  ASSERT_EQ(fused.values.size(), exact.values.size());
  for (const auto& [name, reference] : exact.values) {
    SCOPED_TRACE(name);
    const double error = apart(fused.values.at(name), reference);
    EXPECT_LT(error, 1e-5 + 4 * apart(layers.values.at(name), reference));
  }
}

TEST_P(FusedBlock, EvaluatesAsItsLayersDo) {
  const at::Tensor exact =
      far_block(at::kDouble).forward(draw_input("x", at::kDouble), Pass{}).detach();
  LargeKernelBlock block = far_block(at::kFloat);
  const at::Tensor x = draw_input("x", at::kFloat);
  const at::NoGradGuard no_grad;

  EXPECT_LT(apart(block.forward(x, Pass{}), exact), 1e-5);
  block.merge();
  EXPECT_LT(apart(block.forward(x, Pass{}), exact), 1e-5);
}

TEST_P(FusedBlock, GivesTheSameBitsOnTwoThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Outcome one = run(at::kFloat, false);
  at::set_num_threads(2);

  const Outcome two = run(at::kFloat, false);

  at::set_num_threads(before);
  for (const auto& [name, value] : one.values) {
    EXPECT_TRUE(value.equal(two.values.at(name))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, FusedBlock, ::testing::ValuesIn(kBlocks), [](const auto& info) {
  std::string name;
  for (const char* c = info.param.name; *c != '\0'; ++c) {
    if (std::isalnum(static_cast<unsigned char>(*c)) != 0) name += *c;
  }
  return name;
});

}  // namespace
}  // namespace larkspur::model3d
