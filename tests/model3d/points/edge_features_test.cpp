// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/edge_features.h"

#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/point_references.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

struct Layer {
  explicit Layer(std::int64_t neighbours)
      : features({.inputs = 3, .outputs = 8, .neighbours = neighbours}) {
    features.add_to(StateDict(&entries));
    for (const NamedTensor& entry : entries) {
      entry.tensor.set_data(golden_noise(entry.name, entry.tensor.sizes().vec()).to(at::kDouble) +
                            0.1);
    }
  }

  at::Tensor values(const std::string& name) const {
    for (const NamedTensor& entry : entries) {
      if (entry.name == name) return entry.tensor.detach().contiguous();
    }
    throw std::runtime_error("no entry " + name);
  }

  EdgeFeatures features;
  std::vector<NamedTensor> entries;
};

void expect_edge_features(const at::Tensor& points_NP3, std::int64_t neighbours) {
  const Layer layer(neighbours);
  const std::int64_t points = points_NP3.size(1);
  const at::Tensor x = golden_noise("x", {points_NP3.size(0), 3, points}).to(at::kDouble);
  const at::Tensor y = layer.features.forward(x, points_NP3).detach();
  ASSERT_EQ(y.sizes(), (at::IntArrayRef{points_NP3.size(0), 8, points}));
  for (std::int64_t n = 0; n < points_NP3.size(0); ++n) {
    const at::Tensor expected =
        larkspur::testing::edge_reference(x[n].contiguous(),
                                          points_NP3[n].contiguous(),
                                          neighbours,
                                          {layer.values("difference.weight"),
                                           layer.values("centre.weight"),
                                           layer.values("norm.weight"),
                                           layer.values("norm.bias")});
    EXPECT_TRUE(y[n].allclose(expected, 1e-9, 1e-9))
        << (y[n] - expected).abs().max().item<double>();
  }
}

at::Tensor cloud(std::int64_t samples, std::int64_t points) {
  return (golden_noise("cloud", {samples, points, 3}) * 40).round().to(at::kDouble);
}

TEST(EdgeFeatures, AreThoseOfPlainLoops) { expect_edge_features(cloud(2, 33), 6); }

TEST(EdgeFeatures, TakeOnePointAndFewerThanNeighbours) {
  expect_edge_features(cloud(2, 1), 32);
  expect_edge_features(cloud(1, 5), 32);
}

TEST(EdgeFeatures, TakePointsInOnePlace) {
  expect_edge_features(at::zeros({1, 12, 3}, at::kDouble), 4);
}

TEST(EdgeFeatures, HaveTheGradientOfTheirFiniteDifferences) {
  Layer layer(5);
  std::vector<at::Tensor> leaves{
      golden_noise("x", {2, 3, 20}).to(at::kDouble).requires_grad_(true)};
  for (const NamedTensor& entry : layer.entries) leaves.push_back(entry.tensor);
  const at::Tensor points = cloud(2, 20);
  const at::Tensor weights = golden_noise("loss", {2, 8, 20}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      leaves, [&] { return (layer.features.forward(leaves[0], points) * weights).sum(); });
}

// All edges of a point are equal: the largest is any of them, and the gradient is shared evenly.
TEST(EdgeFeatures, HaveFiniteEvenGradientsWherePointsCoincide) {
  const Layer layer(4);
  const at::Tensor x = at::zeros({1, 3, 4}, at::kDouble).requires_grad_(true);
  layer.features.forward(x, at::zeros({1, 4, 3}, at::kDouble)).sum().backward();
  EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
  for (std::int64_t p = 1; p < 4; ++p) {
    EXPECT_TRUE(x.grad().select(2, p).allclose(x.grad().select(2, 0), 1e-9, 1e-12)) << p;
  }
}

}  // namespace
}  // namespace larkspur::model3d
