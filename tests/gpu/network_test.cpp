// SPDX-License-Identifier: Apache-2.0
// The network on the GPU: against the authors' figures, against the CPU, against itself.
#include "model3d/network.h"

#include <algorithm>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "model3d/kernels/instruction_set.h"
#include "pipeline/placement.h"
#include "pipeline/precision.h"
#include "pipeline/train/loss.h"
#include "tests/gpu/gpu.h"
#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_image;
using larkspur::testing::golden_noise;
using larkspur::testing::gpu;
using larkspur::testing::read_golden;
using pipeline::Precision;

/// Logits, loss and gradients of one training pass; on the CPU again.
struct TrainingPass {
  at::Tensor logits;
  double loss = 0.0;
  std::map<std::string, at::Tensor> gradients;
  std::map<std::string, at::Tensor> statistics;
};

TrainingPass training_pass(Network& network,
                           pipeline::Batch batch,
                           at::Device device,
                           Precision precision = Precision::kFloat32) {
  batch.nominal = batch.size();
  network.set_training(true);
  pipeline::place(network, device);
  batch = pipeline::on_device(batch, device);
  pipeline::PrecisionScope scope(precision, device);
  const at::Tensor logits = network.forward(batch);
  const at::Tensor sum = pipeline::sum_of_losses(logits, batch, 0.0);
  scope.end();
  const at::Tensor loss = sum.div(static_cast<double>(batch.nominal));
  loss.backward();
  TrainingPass pass{logits.detach().cpu().to(at::kFloat), loss.item<double>(), {}, {}};
  for (const auto& parameter : network.parameters()) {
    pass.gradients[parameter.name] = parameter.tensor.grad().cpu();
  }
  for (const auto& statistic : network.statistics()) {
    pass.statistics[statistic.name] = statistic.tensor.cpu();
  }
  return pass;
}

/// Variant A on two pictures of 64 x 64, as the golden step has it.
TrainingPass golden_pass(at::Device device) {
  Network network({.form = "image", .variant = "a", .classes = 1000});
  larkspur::testing::fill_by_formula(network.parameters());
  larkspur::testing::fill_by_formula(network.statistics());
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_image({2, 3, 64, 64});
  batch.labels = at::arange(3, 8, 4, at::kLong);
  batch.keys.resize(2);
  return training_pass(network, batch, device);
}

/// A small network over voxels with random depth at work.
TrainingPass voxel_pass(at::Device device, Precision precision = Precision::kFloat32) {
  Network network({.form = "voxel",
                   .variant = "micro",
                   .classes = 10,
                   .kernel = Extent3{7, 7, 7},
                   .drop_path = 0.4,
                   .layer_scale = 0.5,
                   .seed = 3});
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_noise("voxels", {8, 1, 16, 16, 16}).gt(0.7).to(at::kFloat);
  batch.labels = at::arange(8, at::kLong);
  for (std::uint32_t sample = 0; sample < 8; ++sample) batch.keys.push_back({1, 0, sample, 0});
  return training_pass(network, batch, device, precision);
}

/// A small network that draws its own pictures of points.
TrainingPass points_pass(at::Device device, Precision precision = Precision::kFloat32) {
  Network network({.form = "points",
                   .variant = "micro",
                   .classes = 10,
                   .kernel = Extent3{1, 7, 7},
                   .stem_stride = 2,
                   .drawing_size = 32,
                   .layer_scale = 0.5,
                   .seed = 3});
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_noise("points", {4, 300, 3});
  batch.labels = at::arange(4, at::kLong);
  batch.keys.resize(4);
  return training_pass(network, batch, device, precision);
}

/// Voxels and views of two shapes.
TrainingPass joint_pass(at::Device device) {
  Network network({.form = "joint",
                   .variant = "micro",
                   .classes = 10,
                   .kernel = Extent3{7, 7, 7},
                   .view_stem_stride = 2,
                   .layer_scale = 0.5,
                   .seed = 3});
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_noise("voxels", {2, 1, 16, 16, 16}).gt(0.7).to(at::kFloat);
  batch.inputs["views"] = golden_noise("views", {2, 3, 3, 32, 32});
  batch.labels = at::arange(2, at::kLong);
  batch.keys.resize(2);
  return training_pass(network, batch, device);
}

/// Clips of odd size, their ends repeated; large kernels dense, or apart in space and time.
TrainingPass clip_pass(at::Device device,
                       bool separable_time,
                       Precision precision = Precision::kFloat32) {
  Network network({.form = "clip",
                   .variant = "micro",
                   .classes = 10,
                   .kernel = Extent3{5, 7, 7},
                   .stem_stride = 2,
                   .separable_time = separable_time,
                   .time_padding = TimePadding::kReplicate,
                   .layer_scale = 0.5,
                   .seed = 3});
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_noise("clips", {2, 3, 9, 33, 31});
  batch.labels = at::arange(2, at::kLong);
  batch.keys.resize(2);
  return training_pass(network, batch, device, precision);
}

double relative_error(const at::Tensor& actual, const at::Tensor& expected, double least = 1e-30) {
  const double norm = expected.to(at::kDouble).norm().item<double>();
  return (actual - expected).to(at::kDouble).norm().item<double>() / std::max(norm, least);
}

/// Gradients that cancel to nothing are compared against the largest of all.
void expect_close(const TrainingPass& actual, const TrainingPass& expected, double tolerance) {
  EXPECT_LT(relative_error(actual.logits, expected.logits), tolerance);
  EXPECT_NEAR(actual.loss, expected.loss, tolerance * expected.loss);
  double largest = 0.0;
  for (const auto& [name, gradient] : expected.gradients) {
    largest = std::max(largest, gradient.to(at::kDouble).norm().item<double>());
  }
  for (const auto& [name, gradient] : expected.gradients) {
    EXPECT_LT(relative_error(actual.gradients.at(name), gradient, 1e-3 * largest), 10 * tolerance)
        << name;
  }
  for (const auto& [name, values] : expected.statistics) {
    EXPECT_LT(relative_error(actual.statistics.at(name), values), tolerance) << name;
  }
}

void expect_same_bits(const TrainingPass& a, const TrainingPass& b) {
  EXPECT_TRUE(at::equal(a.logits, b.logits));
  EXPECT_EQ(a.loss, b.loss);
  for (const auto& [name, gradient] : a.gradients) {
    EXPECT_TRUE(at::equal(gradient, b.gradients.at(name))) << name;
  }
  for (const auto& [name, values] : a.statistics) {
    EXPECT_TRUE(at::equal(values, b.statistics.at(name))) << name;
  }
}

TEST(NetworkOnGpu, GivesThePublishedTrainingStep) {
  const TrainingPass pass = golden_pass(gpu());
  const auto file = read_golden("train_A_64x64.json");
  larkspur::testing::expect_logits(file.at("logits"), pass.logits, file.at("logits_tol"));
  EXPECT_NEAR(pass.loss, file.at("loss").get<double>(), file.at("loss_tol").get<double>());
  for (const auto& row : file.at("params")) {
    const std::string name = row.at("n");
    EXPECT_NEAR(pass.gradients.at(name).to(at::kDouble).norm().item<double>(),
                row.at("g").get<double>(),
                row.at("gt").get<double>())
        << name;
  }
}

TEST(NetworkOnGpu, IsCloseToTheCpu) {
  expect_close(golden_pass(gpu()), golden_pass(at::kCPU), 1e-4);
  expect_close(voxel_pass(gpu()), voxel_pass(at::kCPU), 1e-4);
  expect_close(joint_pass(gpu()), joint_pass(at::kCPU), 1e-4);
  for (const bool separable : {false, true}) {
    expect_close(clip_pass(gpu(), separable), clip_pass(at::kCPU, separable), 1e-4);
  }
  expect_close(points_pass(gpu()), points_pass(at::kCPU), 1e-3);
}

TEST(NetworkOnGpu, GivesTheSameBitsTwice) {
  expect_same_bits(golden_pass(gpu()), golden_pass(gpu()));
  expect_same_bits(voxel_pass(gpu()), voxel_pass(gpu()));
  expect_same_bits(joint_pass(gpu()), joint_pass(gpu()));
  for (const bool separable : {false, true}) {
    expect_same_bits(clip_pass(gpu(), separable), clip_pass(gpu(), separable));
    expect_same_bits(clip_pass(gpu(), separable, Precision::kBFloat16),
                     clip_pass(gpu(), separable, Precision::kBFloat16));
  }
  expect_same_bits(points_pass(gpu()), points_pass(gpu()));
  expect_same_bits(points_pass(gpu(), Precision::kBFloat16),
                   points_pass(gpu(), Precision::kBFloat16));
  for (const Precision precision : {Precision::kBFloat16, Precision::kFloat16}) {
    expect_same_bits(voxel_pass(gpu(), precision), voxel_pass(gpu(), precision));
  }
}

TEST(NetworkOnGpu, ComputesInReducedPrecisionWithFloat32Gradients) {
  const TrainingPass exact = voxel_pass(gpu());
  for (const Precision precision : {Precision::kBFloat16, Precision::kFloat16}) {
    const TrainingPass rounded = voxel_pass(gpu(), precision);
    // A processor without AVX-512 BF16 computes in float32 when asked for bfloat16.
    const bool rounds =
        !gpu().is_cpu() || precision != Precision::kBFloat16 || multiplies_bfloat16();
    EXPECT_EQ(at::equal(exact.logits, rounded.logits), !rounds);
    EXPECT_NEAR(rounded.loss, exact.loss, 0.05 * exact.loss);
    for (const auto& [name, gradient] : rounded.gradients) {
      EXPECT_EQ(gradient.scalar_type(), at::kFloat) << name;
      EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << name;
    }
  }
}

TEST(NetworkOnGpu, MergedGivesTheSameLogitsAsOnTheCpu) {
  const at::NoGradGuard no_grad;
  Network network({.form = "image", .variant = "a", .classes = 1000});
  larkspur::testing::fill_by_formula(network.parameters());
  larkspur::testing::fill_by_formula(network.statistics());
  network.merge();
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_image({2, 3, 64, 64});
  batch.labels = at::arange(2, at::kLong);
  batch.keys.resize(2);
  const at::Tensor expected = network.forward(batch);
  pipeline::place(network, gpu());
  const at::Tensor actual = network.forward(pipeline::on_device(batch, gpu())).cpu();
  EXPECT_LT(relative_error(actual, expected), 1e-4);
}

}  // namespace
}  // namespace larkspur::model3d
