// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/farthest_points.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr std::size_t kBlock = 512;  // distances of one block stay in the first cache

// Distances are kept as the integers their bits spell: for floats >= 0 the order is the same, and
// compilers vectorise a maximum of integers but not one of floats. -1 marks a chosen point.
struct Cloud {
  std::vector<float> x, y, z;
  std::vector<std::int32_t> distance;
};

Cloud columns_of(const at::Tensor& points_N3) {
  const at::Tensor columns_3N = points_N3.t().contiguous();
  const auto n = static_cast<std::size_t>(columns_3N.size(1));
  const auto* values = columns_3N.const_data_ptr<float>();
  const auto farthest = std::bit_cast<std::int32_t>(std::numeric_limits<float>::infinity());
  return {{values, values + n},
          {values + n, values + 2 * n},
          {values + 2 * n, values + 3 * n},
          std::vector<std::int32_t>(n, farthest)};
}

// Shortens the distances of [first, last) by the chosen point; returns the largest that is left.
std::int32_t approach(Cloud& cloud, std::size_t first, std::size_t last, std::size_t chosen) {
  const float x = cloud.x[chosen];
  const float y = cloud.y[chosen];
  const float z = cloud.z[chosen];
  const float* const xs = cloud.x.data();
  const float* const ys = cloud.y.data();
  const float* const zs = cloud.z.data();
  std::int32_t* const distance = cloud.distance.data();
  std::int32_t largest = -1;
  for (std::size_t i = first; i < last; ++i) {
    const float dx = xs[i] - x;
    const float dy = ys[i] - y;
    const float dz = zs[i] - z;
    const auto squared = std::bit_cast<std::int32_t>((dx * dx + dy * dy) + dz * dz);
    distance[i] = std::min(distance[i], squared);
    largest = std::max(largest, distance[i]);
  }
  return largest;
}

std::size_t next_after(Cloud& cloud, std::size_t chosen) {
  const std::size_t n = cloud.distance.size();
  cloud.distance[chosen] = -1;
  std::int32_t largest = -1;
  std::size_t block = 0;
  for (std::size_t first = 0; first < n; first += kBlock) {
    const std::int32_t here = approach(cloud, first, std::min(first + kBlock, n), chosen);
    if (here <= largest) continue;
    largest = here;
    block = first;
  }
  const auto from = cloud.distance.begin() + static_cast<std::ptrdiff_t>(block);
  return static_cast<std::size_t>(std::find(from, cloud.distance.end(), largest) -
                                  cloud.distance.begin());
}

}  // namespace

at::Tensor farthest_points(const at::Tensor& points_N3, std::int64_t k, std::int64_t start) {
  require(points_N3.dim() == 2 && points_N3.size(1) == 3 && points_N3.scalar_type() == at::kFloat,
          Errc::kInvalidArgument,
          "[farthest_points] points are ",
          points_N3.scalar_type(),
          " ",
          points_N3.sizes(),
          ", not float32 [n, 3]");
  const std::int64_t n = points_N3.size(0);
  require(
      k >= 0 && k <= n, Errc::kInvalidArgument, "[farthest_points] k is ", k, " of ", n, " points");
  at::Tensor places = at::empty({k}, at::kLong);
  if (k == 0) return places;
  require(start >= 0 && start < n,
          Errc::kInvalidArgument,
          "[farthest_points] start is ",
          start,
          " of ",
          n,
          " points");
  Cloud cloud = columns_of(points_N3);
  auto chosen = static_cast<std::size_t>(start);
  auto* out = places.data_ptr<std::int64_t>();
  out[0] = start;
  for (std::int64_t i = 1; i < k; ++i) {
    chosen = next_after(cloud, chosen);
    out[i] = static_cast<std::int64_t>(chosen);
  }
  return places;
}

}  // namespace larkspur::readers
