// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/splat.h"

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

/// Axes of points that are right and up of a view.
constexpr std::array<std::array<std::int64_t, 2>, kSplatViews> kAxes{{{1, 2}, {0, 2}, {0, 1}}};

/// The three pixels along one axis of a picture that each point reaches.
struct Reach {
  std::array<at::Tensor, 3> pixels_NP;   ///< int64, inside [0, S)
  std::array<at::Tensor, 3> weights_NP;  ///< 0 for pixels that were outside
};

/// `where`: in pixels from the edge, [N, P].
Reach reach_along(const at::Tensor& where_NP, std::int64_t size) {
  // Far points are pulled to where nothing is reached, before they become whole numbers.
  const at::Tensor where = where_NP.clamp(-2.0, static_cast<double>(size) + 2.0);
  const at::Tensor pixel = where.floor();
  const at::Tensor f = where - pixel - 0.5;
  const std::array<at::Tensor, 3> weights{
      (0.5 - f).square() * 0.5, 0.75 - f.square(), (0.5 + f).square() * 0.5};
  Reach reach;
  for (std::size_t tap = 0; tap < 3; ++tap) {
    const at::Tensor place = pixel.to(at::kLong) + (static_cast<std::int64_t>(tap) - 1);
    const at::Tensor inside = place.ge(0).logical_and(place.lt(size));
    reach.pixels_NP[tap] = place.clamp(0, size - 1);
    reach.weights_NP[tap] = weights[tap] * inside.to(f.scalar_type());
  }
  return reach;
}

/// Links from points to the pixels of all views, numbered through.
EdgeList links_of(const at::Tensor& points_NP3, std::int64_t size) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> to;
  std::vector<at::Tensor> weights;
  const double half = static_cast<double>(size) / 2.0;
  for (std::int64_t view = 0; view < kSplatViews; ++view) {
    const auto [right, up] = kAxes[static_cast<std::size_t>(view)];
    const Reach columns = reach_along((points_NP3.select(2, right) + 1.0) * half, size);
    const Reach rows = reach_along((1.0 - points_NP3.select(2, up)) * half, size);
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = 0; column < 3; ++column) {
        to.push_back((rows.pixels_NP[row] + view * size) * size + columns.pixels_NP[column]);
        weights.push_back(rows.weights_NP[row] * columns.weights_NP[column]);
      }
    }
  }
  return links_of_points(to, weights);
}

}  // namespace

at::Tensor splat(const at::Tensor& features_NCP, const at::Tensor& points_NP3, std::int64_t size) {
  require(features_NCP.dim() == 3 && points_NP3.dim() == 3 && points_NP3.size(2) == 3 &&
              points_NP3.size(0) == features_NCP.size(0) &&
              points_NP3.size(1) == features_NCP.size(2) && size >= 1,
          Errc::kInvalidArgument,
          "[splat] features ",
          features_NCP.sizes(),
          " at points ",
          points_NP3.sizes(),
          " on pictures of ",
          size,
          ": not [N,C,P], [N,P,3] and >= 1");
  const std::int64_t pixels = kSplatViews * size * size;
  const EdgeList links = links_of(points_NP3, size);
  const at::Tensor sums = levelled_sum(features_NCP.transpose(1, 2), links, pixels);
  return sums.view({sums.size(0), kSplatViews, size, size, sums.size(2)})
      .permute({0, 1, 4, 2, 3})
      .contiguous();
}

}  // namespace larkspur::model3d
