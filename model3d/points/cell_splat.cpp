// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/cell_splat.h"

#include <array>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "model3d/points/edge_list.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

/// The two cells along one axis whose centres a point lies between.
struct CellPair {
  std::array<at::Tensor, 2> cells_NP;    ///< int64, inside [0, G)
  std::array<at::Tensor, 2> weights_NP;  ///< 0 for cells that were outside
};

CellPair pair_along(const at::Tensor& coordinate_NP, std::int64_t grid) {
  const double half = static_cast<double>(grid) / 2.0;
  // In cells from the first centre. Far points are pulled to where nothing is reached, before they
  // become whole numbers.
  const at::Tensor where =
      ((coordinate_NP + 1.0) * half - 0.5).clamp(-2.0, static_cast<double>(grid) + 1.0);
  const at::Tensor low = where.floor();
  const at::Tensor f = where - low;
  const std::array<at::Tensor, 2> weights{1.0 - f, f};
  CellPair pair;
  for (std::size_t side = 0; side < 2; ++side) {
    const at::Tensor cell = low.to(at::kLong) + static_cast<std::int64_t>(side);
    const at::Tensor inside = cell.ge(0).logical_and(cell.lt(grid));
    pair.cells_NP[side] = cell.clamp(0, grid - 1);
    pair.weights_NP[side] = weights[side] * inside.to(f.scalar_type());
  }
  return pair;
}

/// Links from points to cells, corner after corner.
EdgeList links_to_cells(const at::Tensor& points_NP3, std::int64_t grid) {
  const at::NoGradGuard no_grad;
  const CellPair x = pair_along(points_NP3.select(2, 0), grid);
  const CellPair y = pair_along(points_NP3.select(2, 1), grid);
  const CellPair z = pair_along(points_NP3.select(2, 2), grid);
  std::vector<at::Tensor> to;
  std::vector<at::Tensor> weights;
  for (std::size_t corner = 0; corner < 8; ++corner) {
    const std::size_t at_x = corner & 1;
    const std::size_t at_y = corner >> 1 & 1;
    const std::size_t at_z = corner >> 2;
    to.push_back((z.cells_NP[at_z] * grid + y.cells_NP[at_y]) * grid + x.cells_NP[at_x]);
    weights.push_back(z.weights_NP[at_z] * y.weights_NP[at_y] * x.weights_NP[at_x]);
  }
  return links_of_points(to, weights);
}

}  // namespace

at::Tensor splat_cells(const at::Tensor& features_NPC,
                       const at::Tensor& points_NP3,
                       std::int64_t grid) {
  require(features_NPC.dim() == 3 && points_NP3.dim() == 3 && points_NP3.size(2) == 3 &&
              points_NP3.size(0) == features_NPC.size(0) &&
              points_NP3.size(1) == features_NPC.size(1) && grid >= 1,
          Errc::kInvalidArgument,
          "[splat_cells] features ",
          features_NPC.sizes(),
          " at points ",
          points_NP3.sizes(),
          " on a grid of ",
          grid,
          ": not [N,P,C], [N,P,3] and >= 1");
  const std::int64_t cells = grid * grid * grid;
  const EdgeList links = links_to_cells(points_NP3, grid);
  const at::Tensor sums = levelled_sum(features_NPC, links, cells);
  return sums.view({sums.size(0), grid, grid, grid, sums.size(2)}).permute({0, 4, 1, 2, 3});
}

}  // namespace larkspur::model3d
