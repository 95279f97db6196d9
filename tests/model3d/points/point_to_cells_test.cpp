// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_to_cells.h"

#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/points/cell_splat.h"
#include "pipeline/precision.h"
#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/point_references.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;

using Neighbours = std::vector<std::vector<std::int64_t>>;

struct Filling {
  Filling() : layer({.grid = 4, .channels = 8, .blocks = 2, .neighbours = 6}) {
    layer.add_to(StateDict(&entries));
    for (const NamedTensor& entry : entries) {
      entry.tensor.detach().copy_(golden_noise(entry.name, entry.tensor.sizes().vec()));
      by_name[entry.name] = entry.tensor;
    }
  }

  at::Tensor linear(const std::string& name, const at::Tensor& x) const {
    const auto bias = by_name.find(name + ".bias");
    return at::linear(
        x, by_name.at(name + ".weight"), bias == by_name.end() ? at::Tensor() : bias->second);
  }
  at::Tensor norm(const std::string& name, const at::Tensor& x) const {
    return at::layer_norm(
        x, {x.size(-1)}, by_name.at(name + ".weight"), by_name.at(name + ".bias"), 1e-6);
  }

  /// Of each row's neighbours the largest of what `of` makes of the two.
  template <typename Of>
  static at::Tensor over_neighbours(const Neighbours& nearest, const Of& of) {
    std::vector<at::Tensor> largest;
    for (std::size_t p = 0; p < nearest.size(); ++p) {
      std::vector<at::Tensor> edges;
      for (const std::int64_t q : nearest[p]) edges.push_back(of(static_cast<std::int64_t>(p), q));
      largest.push_back(at::stack(edges).amax(0));
    }
    return at::stack(largest);
  }

  at::Tensor strongest_edges(const at::Tensor& points, const Neighbours& nearest) const {
    return over_neighbours(nearest, [&](std::int64_t p, std::int64_t q) {
      const at::Tensor row =
          at::cat({(points[q] - points[p]) * 10.0, points[q].narrow(0, 2, 1)}).unsqueeze(0);
      return linear("edges.1", at::relu(linear("edges.0", row)))[0];
    });
  }

  at::Tensor block(const std::string& name, const at::Tensor& x, const Neighbours& nearest) const {
    const at::Tensor own = linear(name + ".around", x);
    const at::Tensor around =
        over_neighbours(nearest, [&](std::int64_t p, std::int64_t q) { return own[q] - own[p]; });
    const at::Tensor y = x + norm(name + ".around_norm", around);
    const at::Tensor wide = at::gelu(norm(name + ".wide_norm", linear(name + ".wide", y)));
    return y + linear(name + ".narrow", wide);
  }

  PointToCells layer;
  std::vector<NamedTensor> entries;
  std::map<std::string, at::Tensor> by_name;
};

TEST(PointToCells, IsThatOfItsFormulaPointByPoint) {
  const at::NoGradGuard no_grad;
  const Filling filling;
  const at::Tensor points = golden_noise("points", {1, 30, 3});
  const auto nearest =
      larkspur::testing::nearest_reference(points[0].to(at::kDouble).contiguous(), 6);
  at::Tensor features = filling.norm("edge_norm", filling.strongest_edges(points[0], nearest));
  for (const char* block : {"blocks.0", "blocks.1"}) {
    features = filling.block(block, features, nearest);
  }
  features = filling.norm("point_norm", features);
  const at::Tensor expected = splat_cells(features.unsqueeze(0), points, 4);
  EXPECT_TRUE(filling.layer.forward(points).allclose(expected, 1e-4, 1e-5));
}

TEST(PointToCells, LooksAtEachSampleAlone) {
  const at::NoGradGuard no_grad;
  const Filling filling;
  const at::Tensor points = golden_noise("points", {3, 40, 3});
  const at::Tensor together = filling.layer.forward(points);
  for (std::int64_t n = 0; n < 3; ++n) {
    EXPECT_TRUE(together.narrow(0, n, 1).equal(filling.layer.forward(points.narrow(0, n, 1))));
  }
}

TEST(PointToCells, LearnsFromOnePointAndFromPointsInOnePlace) {
  for (const at::Tensor& points : {golden_noise("one", {2, 1, 3}), at::zeros({2, 20, 3})}) {
    const Filling filling;
    const at::Tensor maps = filling.layer.forward(points);
    EXPECT_TRUE(maps.isfinite().all().item<bool>());
    maps.square().sum().backward();
    for (const NamedTensor& entry : filling.entries) {
      EXPECT_TRUE(entry.tensor.grad().isfinite().all().item<bool>()) << entry.name;
    }
  }
}

TEST(PointToCells, HasTheGradientOfItsFiniteDifferences) {
  const Filling filling;
  std::vector<at::Tensor> leaves;
  for (const NamedTensor& entry : filling.entries) {
    entry.tensor.set_data(golden_noise(entry.name, entry.tensor.sizes().vec()).to(at::kDouble));
    leaves.push_back(entry.tensor);
  }
  const at::Tensor points = golden_noise("points", {2, 30, 3}).to(at::kDouble);
  const at::Tensor weights = golden_noise("loss", {2, 8, 4, 4, 4}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      leaves, [&] { return (filling.layer.forward(points) * weights).sum(); });
}

TEST(PointToCells, TakesDifferencesOfFarPointsInFloat32UnderAutocast) {
  const at::NoGradGuard no_grad;
  const Filling filling;
  const at::Tensor points = 0.95 + 0.01 * golden_noise("points", {2, 60, 3});
  const at::Tensor exact = filling.layer.forward(points);
  pipeline::PrecisionScope rounded(pipeline::Precision::kBFloat16, at::kCPU);
  const at::Tensor map = filling.layer.forward(points);
  rounded.end();
  const double size = exact.abs().max().item<double>();
  EXPECT_LT((map - exact).abs().max().item<double>(), 0.05 * size);
}

TEST(PointToCells, PassesNoGradientToThePoints) {
  const Filling filling;
  const at::Tensor points = golden_noise("points", {1, 20, 3}).requires_grad_();
  filling.layer.forward(points).sum().backward();
  EXPECT_FALSE(points.grad().defined());
}

TEST(PointToCells, RefusesOtherShapesByTheName) {
  const Filling filling;
  using Shape = std::vector<std::int64_t>;
  for (const Shape& shape : {Shape{2, 0, 3}, Shape{2, 5, 6}, Shape{5, 3}}) {
    EXPECT_THAT(refusal_of([&] { filling.layer.forward(at::zeros(shape)); }).text,
                ::testing::HasSubstr("is not a batch of points [N,P,3], as form cells takes it"));
  }
}

}  // namespace
}  // namespace larkspur::model3d
