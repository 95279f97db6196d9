// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_to_cells.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>

#include "model3d/points/cell_splat.h"
#include "model3d/points/nearest_points.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

/// Neighbours of 1,024 points lie a tenth of the shape's radius away: so that all four inputs are
/// of one size.
constexpr double kNeighbourhoods = 10.0;

/// Rows [N*P*k, 4] of each point's neighbours.
at::Tensor edge_rows(const at::Tensor& points_NP3, const at::Tensor& nearest_NPk) {
  const at::NoGradGuard no_grad;
  const std::int64_t points = points_NP3.size(1);
  const at::Tensor starts = at::arange(points_NP3.size(0), nearest_NPk.options()) * points;
  const at::Tensor rows = (nearest_NPk + starts.view({-1, 1, 1})).flatten();
  const at::Tensor neighbours = points_NP3.reshape({-1, 3}).index_select(0, rows).view(
      {points_NP3.size(0), points, nearest_NPk.size(2), 3});
  const at::Tensor away = (neighbours - points_NP3.unsqueeze(2)) * kNeighbourhoods;
  return at::cat({away, neighbours.narrow(3, 2, 1)}, 3).view({-1, kEdgeInputs});
}

/// First weights that leave rows of one size, where no norm follows.
void add_drawn(const StateDict& state, const Linear& linear, std::int64_t inputs) {
  state.drawn("weight", linear.weight(), 1.0 / std::sqrt(static_cast<double>(inputs)));
  if (linear.bias().defined()) state.constant("bias", linear.bias());
}

}  // namespace

PointToCells::PointToCells(const PointToCellsOptions& options)
    : options_(options),
      first_(kEdgeInputs, kEdgeFirst),
      second_(kEdgeFirst, kEdgeSecond),
      edge_norm_(kEdgeSecond),
      third_(kEdgeSecond, options.channels, Bias::kNone),
      point_norm_(options.channels) {}

at::Tensor PointToCells::forward(const at::Tensor& points_NP3) const {
  pipeline::require(points_NP3.dim() == 3 && points_NP3.size(2) == 3 && points_NP3.numel() > 0,
                    pipeline::Errc::kInvalidArgument,
                    "[network] input ",
                    points_NP3.sizes(),
                    " is not a batch of points [N,P,3], as form cells takes it");
  const at::Tensor nearest = nearest_points(points_NP3, options_.neighbours);
  const at::Tensor hidden = at::gelu(first_.forward(edge_rows(points_NP3, nearest)));
  const at::Tensor edges = third_.forward(edge_norm_.forward_gelu(second_.forward(hidden)));
  const at::Tensor strongest =
      edges.view({points_NP3.size(0) * points_NP3.size(1), nearest.size(2), options_.channels})
          .amax(1);
  const at::Tensor features = point_norm_.forward(strongest).to(points_NP3.scalar_type());
  return splat_cells(
      features.view({points_NP3.size(0), points_NP3.size(1), -1}), points_NP3, options_.grid);
}

void PointToCells::add_to(const StateDict& state) const {
  add_drawn(state.under("edges.0"), first_, kEdgeInputs);
  add_drawn(state.under("edges.1"), second_, kEdgeFirst);
  edge_norm_.add_to(state.under("edge_norm"));
  add_drawn(state.under("edges.2"), third_, kEdgeSecond);
  point_norm_.add_to(state.under("point_norm"));
}

}  // namespace larkspur::model3d
