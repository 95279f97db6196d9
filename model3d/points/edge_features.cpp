// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/edge_features.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/leaky_relu.h>

#include "model3d/points/nearest_points.h"
#include "model3d/points/neighbourhood.h"

namespace larkspur::model3d {
namespace {

constexpr double kSlope = 0.2;

}  // namespace

EdgeFeatures::EdgeFeatures(const EdgeOptions& options)
    : neighbours_(options.neighbours),
      difference_(options.inputs, options.outputs, Bias::kNone),
      centre_(options.inputs, options.outputs, Bias::kNone),
      norm_(options.outputs, kPointNormGroups) {}

at::Tensor EdgeFeatures::forward(const at::Tensor& x_NCP, const at::Tensor& points_NP3) const {
  const at::Tensor nearest = nearest_points(points_NP3, neighbours_);
  const std::int64_t points = nearest.size(1);
  const std::int64_t k = nearest.size(2);
  const at::Tensor neighbours = rows_of_neighbours(x_NCP.transpose(1, 2), nearest);
  const at::Tensor differences =
      neighbours.transpose(1, 2).reshape({x_NCP.size(0), x_NCP.size(1), points, k}) -
      x_NCP.unsqueeze(3);
  const at::Tensor edges = difference_.forward(differences.flatten(2)).unflatten(2, {points, k}) +
                           centre_.forward(x_NCP).unsqueeze(3);
  // LeakyReLU grows with its argument, so the maximum may go first: k times less to do.
  return at::leaky_relu(norm_.forward(edges).amax(3), kSlope);
}

void EdgeFeatures::add_to(const StateDict& state) const {
  difference_.add_to(state.under("difference"));
  centre_.add_to(state.under("centre"));
  norm_.add_to(state.under("norm"));
}

}  // namespace larkspur::model3d
