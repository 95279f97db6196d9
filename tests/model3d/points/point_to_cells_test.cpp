// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_to_cells.h"

#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/points/cell_splat.h"
#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/point_references.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;

struct Filling {
  Filling() : layer({.grid = 4, .channels = 8, .neighbours = 6}) {
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
  std::vector<at::Tensor> features;
  for (std::size_t p = 0; p < nearest.size(); ++p) {
    const at::Tensor own = points[0][static_cast<std::int64_t>(p)];
    std::vector<at::Tensor> rows;
    for (const std::int64_t q : nearest[p]) {
      const at::Tensor other = points[0][q];
      rows.push_back(at::cat({(other - own) * 10.0, other.narrow(0, 2, 1)}));
    }
    const at::Tensor first = at::gelu(filling.linear("edges.0", at::stack(rows)));
    const at::Tensor second = at::gelu(filling.norm("edge_norm", filling.linear("edges.1", first)));
    features.push_back(filling.norm("point_norm", filling.linear("edges.2", second).amax(0)));
  }
  const at::Tensor expected = splat_cells(at::stack(features).unsqueeze(0), points, 4);
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
