// SPDX-License-Identifier: Apache-2.0
// The specification of what form `points` does with a cloud: plain loops in float64, written from
// the headers, nothing shared with the code under test.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

namespace larkspur::testing {

/// Numbers of the k points nearest to each of points [P,3] (float64), nearest first, then lowest.
inline std::vector<std::vector<std::int64_t>> nearest_reference(const at::Tensor& points_P3,
                                                                std::int64_t k) {
  const auto points = points_P3.accessor<double, 2>();
  std::vector<std::vector<std::int64_t>> nearest;
  for (std::int64_t p = 0; p < points.size(0); ++p) {
    std::vector<std::pair<double, std::int64_t>> all;
    for (std::int64_t q = 0; q < points.size(0); ++q) {
      double square = 0.0;
      for (int axis = 0; axis < 3; ++axis) {
        square += std::pow(points[p][axis] - points[q][axis], 2);
      }
      all.emplace_back(square, q);
    }
    std::sort(all.begin(), all.end());
    std::vector<std::int64_t>& row = nearest.emplace_back();
    for (std::int64_t i = 0; i < std::min<std::int64_t>(k, points.size(0)); ++i) {
      row.push_back(all[static_cast<std::size_t>(i)].second);
    }
  }
  return nearest;
}

/// What edge features are computed from; all float64.
struct EdgeWeights {
  at::Tensor difference;  ///< [F, C]
  at::Tensor centre;      ///< [F, C]
  at::Tensor scale;       ///< [F] of the norm, four groups, epsilon 1e-5
  at::Tensor shift;       ///< [F]
};

/// x [C,P] at points [P,3] to [F,P]: LeakyReLU(0.2) of the norm of all edges, then the largest.
inline at::Tensor edge_reference(const at::Tensor& x_CP,
                                 const at::Tensor& points_P3,
                                 std::int64_t k,
                                 const EdgeWeights& weights) {
  const auto x = x_CP.accessor<double, 2>();
  const auto a = weights.difference.accessor<double, 2>();
  const auto b = weights.centre.accessor<double, 2>();
  const auto nearest = nearest_reference(points_P3, k);
  const std::int64_t features = a.size(0);
  const auto neighbours = static_cast<std::int64_t>(nearest[0].size());
  at::Tensor edges_FPk = at::zeros({features, x.size(1), neighbours}, at::kDouble);
  auto edges = edges_FPk.accessor<double, 3>();
  for (std::int64_t f = 0; f < features; ++f) {
    for (std::int64_t p = 0; p < x.size(1); ++p) {
      for (std::int64_t j = 0; j < neighbours; ++j) {
        const std::int64_t q = nearest[static_cast<std::size_t>(p)][static_cast<std::size_t>(j)];
        for (std::int64_t c = 0; c < x.size(0); ++c) {
          edges[f][p][j] += a[f][c] * (x[c][q] - x[c][p]) + b[f][c] * x[c][p];
        }
      }
    }
  }
  at::Tensor largest = at::zeros({features, x.size(1)}, at::kDouble);
  const auto scale = weights.scale.accessor<double, 1>();
  const auto shift = weights.shift.accessor<double, 1>();
  for (std::int64_t f = 0; f < features; ++f) {
    const at::Tensor group = edges_FPk.narrow(0, f / (features / 4) * (features / 4), features / 4);
    const double mean = group.mean().item<double>();
    const double variance = (group - mean).square().mean().item<double>();
    for (std::int64_t p = 0; p < x.size(1); ++p) {
      double best = -1e300;
      for (std::int64_t j = 0; j < neighbours; ++j) {
        const double y = (edges[f][p][j] - mean) / std::sqrt(variance + 1e-5) * scale[f] + shift[f];
        best = std::max(best, y > 0 ? y : 0.2 * y);
      }
      largest[f][p] = best;
    }
  }
  return largest;
}

/// Weight of a point on a pixel `distance` pixels from it along one axis: a quadratic spline.
inline double spline_weight(double distance) {
  const double d = std::abs(distance);
  if (d <= 0.5) return 0.75 - d * d;
  return d < 1.5 ? 0.5 * (1.5 - d) * (1.5 - d) : 0.0;
}

/// features [C,P] at points [P,3] to pictures [3,C,S,S]: every pixel asks every point.
inline at::Tensor splat_reference(const at::Tensor& features_CP,
                                  const at::Tensor& points_P3,
                                  std::int64_t size) {
  const auto features = features_CP.accessor<double, 2>();
  const auto points = points_P3.accessor<double, 2>();
  at::Tensor pictures = at::zeros({3, features.size(0), size, size}, at::kDouble);
  auto out = pictures.accessor<double, 4>();
  const std::array<std::array<int, 2>, 3> axes{{{1, 2}, {0, 2}, {0, 1}}};
  for (std::int64_t view = 0; view < 3; ++view) {
    const auto [right, up] = axes[static_cast<std::size_t>(view)];
    for (std::int64_t row = 0; row < size; ++row) {
      for (std::int64_t column = 0; column < size; ++column) {
        const double x =
            -1.0 + (2.0 * static_cast<double>(column) + 1.0) / static_cast<double>(size);
        const double y = 1.0 - (2.0 * static_cast<double>(row) + 1.0) / static_cast<double>(size);
        double cover = 0.0;
        for (std::int64_t p = 0; p < points.size(0); ++p) {
          const double weight =
              spline_weight((points[p][right] - x) * static_cast<double>(size) / 2.0) *
              spline_weight((points[p][up] - y) * static_cast<double>(size) / 2.0);
          cover += weight;
          for (std::int64_t c = 0; c < features.size(0); ++c) {
            out[view][c][row][column] += weight * features[c][p];
          }
        }
        for (std::int64_t c = 0; c < features.size(0); ++c) {
          out[view][c][row][column] /= std::max(1.0, cover);
        }
      }
    }
  }
  return pictures;
}

}  // namespace larkspur::testing
