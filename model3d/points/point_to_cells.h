// SPDX-License-Identifier: Apache-2.0
// A cloud as a map whose cells know what lies around their points: stem and first stage on points,
// where nothing is empty and every coordinate counts.
//
//   points [N,P,3] -- the 16 nearest q of each p -- rows (10 (x[q] - x[p]), z[q]), 4
//     -- linear, 32, ReLU -- linear, C -- maximum over q -- LayerNorm      features [N,P,C]
//     -- blocks (point_block.h) -- LayerNorm -- splat over G^3 cells -- map [N,C,G,G,G]
//
// The four inputs of a row are those of DeLA (Chen et al. 2023, "Decoupled Local Aggregation for
// Point Cloud Learning", arXiv 2308.16532). The splat is ours: from there on it is a map for large
// kernels.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model3d/layers/layer_norm.h"
#include "model3d/layers/linear.h"
#include "model3d/layers/state_dict.h"
#include "model3d/points/point_block.h"

namespace larkspur::model3d {

struct PointToCellsOptions {
  std::int64_t grid = 16;        ///< G, cells along each axis, >= 1
  std::int64_t channels = 32;    ///< C, > 0
  std::int64_t blocks = 2;       ///< >= 0
  std::int64_t neighbours = 16;  ///< of a point, itself among them; of a cloud of fewer, all
};

/// Not thread-safe. Owns its parameters. Same input, same bits, for any number of threads in
/// float32 on a CPU.
class PointToCells {
 public:
  explicit PointToCells(const PointToCellsOptions& options);

  /// points [N,P,3], P >= 1, any order, meant to lie in the unit sphere, to maps [N,C,G,G,G]. No
  /// gradient flows to the points. Throws kInvalidArgument naming another shape.
  at::Tensor forward(const at::Tensor& points_NP3) const;

  /// "edges.0.*" and "edges.1.*" the linear maps, "edge_norm.*", "blocks.i.*", "point_norm.*".
  void add_to(const StateDict& state) const;

 private:
  PointToCellsOptions options_;
  Linear first_;
  Linear second_;
  LayerNorm edge_norm_;
  std::vector<PointBlock> blocks_;
  LayerNorm point_norm_;

  at::Tensor edge_features(const at::Tensor& points_NP3, const at::Tensor& nearest_NPk) const;
};

/// Widths before the C outputs of an edge.
inline constexpr std::int64_t kEdgeInputs = 4;
inline constexpr std::int64_t kEdgeHidden = 32;

}  // namespace larkspur::model3d
