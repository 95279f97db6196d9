// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_to_cells.h"

#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include "model3d/layers/full_precision.h"
#include "model3d/points/cell_splat.h"
#include "model3d/points/nearest_points.h"
#include "model3d/points/neighbourhood.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

/// Neighbours of 1,024 points lie a tenth of the shape's radius away: so that all four inputs are
/// of one size.
constexpr double kNeighbourhoods = 10.0;

}  // namespace

PointToCells::PointToCells(const PointToCellsOptions& options)
    : options_(options),
      first_(kEdgeInputs, kEdgeHidden),
      second_(kEdgeHidden, options.channels, Bias::kNone),
      edge_norm_(options.channels),
      point_norm_(options.channels) {
  for (std::int64_t i = 0; i < options.blocks; ++i) blocks_.emplace_back(options.channels);
}

at::Tensor PointToCells::edge_features(const at::Tensor& points_NP3,
                                       const at::Tensor& nearest_NPk) const {
  const at::Tensor points = points_NP3.detach();
  const at::Tensor places = points * kNeighbourhoods;
  at::Tensor given;
  at::Tensor taken;
  {
    // Their difference is small beside them: rounded to 16 bits little of it would be left.
    const FullPrecision exact(points);
    given = first_.forward(at::cat({places, points.narrow(2, 2, 1)}, 2));
    taken = model3d::linear(places, first_.weight().narrow(1, 0, 3).contiguous(), at::Tensor());
  }
  const at::Tensor strongest = largest_edge(given, taken, second_.weight(), nearest_NPk);
  return edge_norm_.forward(strongest.flatten(0, 1)).view(strongest.sizes());
}

at::Tensor PointToCells::forward(const at::Tensor& points_NP3) const {
  pipeline::require(points_NP3.dim() == 3 && points_NP3.size(2) == 3 && points_NP3.numel() > 0,
                    pipeline::Errc::kInvalidArgument,
                    "[network] input ",
                    points_NP3.sizes(),
                    " is not a batch of points [N,P,3], as form cells takes it");
  const at::Tensor nearest = nearest_points(points_NP3, options_.neighbours);
  at::Tensor features = edge_features(points_NP3, nearest);
  for (const PointBlock& block : blocks_) features = block.forward(features, nearest);
  features = point_norm_.forward(features.flatten(0, 1)).view(features.sizes());
  return splat_cells(features.to(points_NP3.scalar_type()), points_NP3, options_.grid);
}

void PointToCells::add_to(const StateDict& state) const {
  first_.add_evenly_to(state.under("edges.0"));
  second_.add_evenly_to(state.under("edges.1"));
  edge_norm_.add_to(state.under("edge_norm"));
  std::size_t number = 0;
  for (const PointBlock& block : blocks_) {
    block.add_to(state.under("blocks." + std::to_string(number++)));
  }
  point_norm_.add_to(state.under("point_norm"));
}

}  // namespace larkspur::model3d
