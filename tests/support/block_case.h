// SPDX-License-Identifier: Apache-2.0
// A block in training, far from where training begins: what its fused ops and its layers make of
// the same input.
#pragma once

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/randn.h>

#include "model3d/large_kernel_block.h"
#include "pipeline/precision.h"

namespace larkspur::testing {

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
  model3d::Extent3 taps;
  double drop_path = 0.0;
  bool separable = false;
};

/// As gtest takes names.
inline std::string case_name(const BlockCase& c) {
  std::string name;
  for (const char* at = c.name; *at != '\0'; ++at) {
    if (std::isalnum(static_cast<unsigned char>(*at)) != 0) name += *at;
  }
  return name;
}

/// By name: "y", "dx", gradients by entry, statistics as the pass left them.
using BlockOutcome = std::map<std::string, at::Tensor>;

inline at::Generator generator_of(const std::string& name) {
  return at::make_generator<at::CPUGeneratorImpl>(std::hash<std::string>{}(name));
}

inline at::Tensor block_input(const BlockCase& c, const std::string& name, at::ScalarType type) {
  return at::randn(c.sizes, generator_of(name), at::kFloat).to(type);
}

inline model3d::LargeKernelBlock far_block(const BlockCase& c, at::ScalarType type) {
  using model3d::TensorKind;
  model3d::LargeKernelBlock block({.channels = c.sizes[1],
                                   .taps = c.taps,
                                   .layer_scale = 0.5,
                                   .drop_path = {.rate = c.drop_path, .block = 3},
                                   .separable_time = c.separable});
  std::vector<model3d::NamedTensor> entries;
  block.add_to(model3d::StateDict(&entries));
  for (const model3d::NamedTensor& entry : entries) {
    at::Tensor values = at::randn(entry.tensor.sizes(), generator_of(entry.name), at::kFloat);
    if (entry.kind == TensorKind::kDrawn) values.mul_(0.3);
    if (entry.kind == TensorKind::kConstant) values.mul_(0.3).add_(0.7);
    if (entry.name.ends_with("running_var")) values.abs_().add_(0.1);
    entry.tensor.set_data(values.to(type));
  }
  return block;
}

/// A training pass and its gradients, layer by layer or as the rule of the layers has it.
inline BlockOutcome run_block(const BlockCase& c,
                              at::ScalarType type,
                              bool one_by_one,
                              pipeline::Precision precision = pipeline::Precision::kFloat32) {
  const model3d::LargeKernelBlock block = far_block(c, type);
  std::vector<model3d::NamedTensor> entries;
  block.add_to(model3d::StateDict(&entries));
  const at::Tensor x = block_input(c, "x", type).requires_grad_();
  std::vector<pipeline::SampleKey> keys;
  for (std::int64_t i = 0; i < c.sizes[0]; ++i) {
    keys.push_back({.seed = 5, .epoch = 1, .sample = static_cast<std::uint32_t>(i)});
  }
  model3d::Pass pass{.training = true, .keys = keys};
  OneByOne hook;
  if (one_by_one) pass.how.norms = &hook;

  pipeline::PrecisionScope scope(precision, at::kCPU);
  const at::Tensor y = block.forward(x, pass);
  scope.end();
  (y * block_input(c, "dy", type)).sum().backward();

  BlockOutcome outcome{{"y", y.detach()}, {"dx", x.grad()}};
  for (const model3d::NamedTensor& entry : entries) {
    const bool trained = entry.kind != model3d::TensorKind::kStatistic;
    outcome[entry.name] = trained ? entry.tensor.grad() : entry.tensor.clone();
  }
  return outcome;
}

/// Largest difference, of the reference's largest value. Gradients that the norm behind cancels are
/// rounding alone, so a reference counts as no smaller than one.
inline double apart(const at::Tensor& got, const at::Tensor& reference) {
  const at::Tensor exact = reference.to(at::kDouble);
  const double size = std::max(1.0, exact.abs().max().item<double>());
  return (got.to(at::kDouble) - exact).abs().max().item<double>() / size;
}

}  // namespace larkspur::testing
