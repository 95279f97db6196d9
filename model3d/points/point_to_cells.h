// SPDX-License-Identifier: Apache-2.0
// A cloud as a map whose cells know what lies around their points: in place of a stem.
//
//   points [N,P,3] -- the 20 nearest q of each p -- rows (10 (x[q] - x[p]), z[q]), 4
//     -- linear, 24, GELU -- linear, 48, LayerNorm, GELU -- linear, C -- maximum over q
//     -- LayerNorm -- splat over G^3 cells -- map [N,C,G,G,G]
//
// The first stage of DeLA (Chen et al., "Decoupled Local Aggregation for Point Cloud Learning",
// arXiv 2308.16532) has these four inputs and widths; its norms are BatchNorms, these look at one
// row only, so a sample's map depends on no other sample. The splat is ours: from there on it is a
// map for large kernels.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model3d/layers/layer_norm.h"
#include "model3d/layers/linear.h"
#include "model3d/layers/state_dict.h"

namespace larkspur::model3d {

struct PointToCellsOptions {
  std::int64_t grid = 16;        ///< G, cells along each axis, >= 1
  std::int64_t channels = 40;    ///< C, > 0
  std::int64_t neighbours = 20;  ///< of a point, itself among them; of a cloud of fewer, all
};

/// Not thread-safe. Owns its parameters. Same input, same bits, for any number of threads in
/// float32 on a CPU. Memory of a forward pass a sample: some 200 * P * neighbours values.
class PointToCells {
 public:
  explicit PointToCells(const PointToCellsOptions& options);

  /// points [N,P,3], P >= 1, any order, meant to lie in the unit sphere, to maps [N,C,G,G,G]. No
  /// gradient flows to the points. Throws kInvalidArgument naming another shape.
  at::Tensor forward(const at::Tensor& points_NP3) const;

  /// "edges.0.*", "edges.1.*", "edges.2.*" the linear maps, "edge_norm.*", "point_norm.*".
  void add_to(const StateDict& state) const;

 private:
  PointToCellsOptions options_;
  Linear first_;
  Linear second_;
  LayerNorm edge_norm_;
  Linear third_;
  LayerNorm point_norm_;
};

/// Widths between the four inputs of a row and its C outputs.
inline constexpr std::int64_t kEdgeInputs = 4;
inline constexpr std::int64_t kEdgeFirst = 24;
inline constexpr std::int64_t kEdgeSecond = 48;

}  // namespace larkspur::model3d
