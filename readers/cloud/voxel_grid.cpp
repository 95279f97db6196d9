// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/voxel_grid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "pipeline/require.h"
#include "readers/cloud/local_planes.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::require_within;

constexpr std::int64_t kLargestGrid = 512;

using Point = std::array<double, 3>;

void check_points(const at::Tensor& points_N3, std::string_view op) {
  require(points_N3.dim() == 2 && points_N3.size(1) == 3 && points_N3.scalar_type() == at::kFloat,
          Errc::kInvalidArgument,
          "[",
          op,
          "] points are ",
          points_N3.scalar_type(),
          " ",
          points_N3.sizes(),
          ", not float32 [N, 3]");
}

// Where a point falls: its row, its voxel, and how far from the voxel's centre in half voxels.
struct VoxelPoint {
  std::int64_t row = 0;
  std::int64_t voxel = 0;
  std::array<float, 3> offset{};
};

std::optional<VoxelPoint> place_of(const float* point, std::int64_t row, std::int64_t grid) {
  VoxelPoint place{.row = row};
  for (std::size_t i = 3; i-- > 0;) {  // z is the slowest axis
    const double at = (point[i] + 1.0) * 0.5 * static_cast<double>(grid);
    if (!(at >= 0.0 && at <= static_cast<double>(grid))) return std::nullopt;
    const std::int64_t index = std::min(static_cast<std::int64_t>(at), grid - 1);
    place.voxel = place.voxel * grid + index;
    place.offset[i] = static_cast<float>(2.0 * (at - static_cast<double>(index)) - 1.0);
  }
  return place;
}

std::vector<VoxelPoint> places_of(const at::Tensor& points_N3, std::int64_t grid) {
  const at::Tensor points = points_N3.contiguous();
  const auto* point = points.const_data_ptr<float>();
  std::vector<VoxelPoint> places;
  places.reserve(static_cast<std::size_t>(points.size(0)));
  for (std::int64_t i = 0; i < points.size(0); ++i, point += 3) {
    if (const auto place = place_of(point, i, grid)) places.push_back(*place);
  }
  return places;
}

/// Channels of kRich.
constexpr std::int64_t kCountChannel = 1;
constexpr std::int64_t kOffsetChannel = 2;
constexpr std::int64_t kPlaneChannel = 5;
static_assert(kPlaneChannel + kPlaneValues == kRichChannels);

/// Adds what a point gives to the eight centres around it that the grid has.
void add_spread(const VoxelPoint& place, std::int64_t grid, float* occupancy) {
  std::array<std::int64_t, 3> own{
      place.voxel % grid, place.voxel / grid % grid, place.voxel / (grid * grid)};
  for (int corner = 0; corner < 8; ++corner) {
    std::int64_t voxel = 0;
    float share = 1.0F;
    bool is_inside = true;
    for (std::size_t axis = 3; axis-- > 0;) {  // z is the slowest axis
      const bool is_other = (corner >> axis & 1) != 0;
      const float away = 0.5F * std::abs(place.offset[axis]);  // from the own centre, in voxels
      const std::int64_t step = place.offset[axis] < 0.0F ? -1 : 1;
      const std::int64_t index = own[axis] + (is_other ? step : 0);
      is_inside = is_inside && index >= 0 && index < grid;
      share *= is_other ? away : 1.0F - away;
      voxel = voxel * grid + index;
    }
    if (is_inside) occupancy[voxel] += share;
  }
}

void fill_rich(const at::Tensor& points_N3,
               const std::vector<VoxelPoint>& places,
               std::int64_t grid,
               float* out) {
  const at::Tensor planes = local_planes(points_N3);
  const auto* const plane = planes.const_data_ptr<float>();
  const std::int64_t voxels = grid * grid * grid;
  float* const counts = out + kCountChannel * voxels;
  for (const VoxelPoint& place : places) {
    add_spread(place, grid, out);
    counts[place.voxel] += 1.0F;
    float* channel = out + kOffsetChannel * voxels + place.voxel;
    for (const float offset : place.offset) *std::exchange(channel, channel + voxels) += offset;
    for (std::int64_t k = 0; k < kPlaneValues; ++k, channel += voxels) {
      *channel += plane[place.row * kPlaneValues + k];
    }
  }
  for (std::int64_t i = 0; i < voxels; ++i) {
    out[i] = std::min(1.0F, out[i]);
    if (counts[i] == 0.0F) continue;
    for (std::int64_t k = kOffsetChannel; k < kRichChannels; ++k) out[k * voxels + i] /= counts[i];
    counts[i] = std::log1p(counts[i]);
  }
}

Point mean_of(const float* points, std::int64_t count) {
  Point sum{};
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < 3; ++k) sum[k] += points[3 * i + static_cast<std::int64_t>(k)];
  }
  for (double& part : sum) part /= static_cast<double>(count);
  return sum;
}

}  // namespace

void VoxelGridOptions::check() const { require_within("grid", grid, 1, kLargestGrid); }

at::Tensor voxelise(const at::Tensor& points_N3, const VoxelGridOptions& options) {
  options.check();
  check_points(points_N3, "voxelise");
  const std::int64_t grid = options.grid;
  at::Tensor voxels = at::zeros({options.channels(), grid, grid, grid}, at::kFloat);
  auto* out = voxels.data_ptr<float>();
  const std::vector<VoxelPoint> places = places_of(points_N3, grid);
  switch (options.value) {
    case VoxelValue::kOccupancy:
      for (const VoxelPoint& place : places) out[place.voxel] = 1.0F;
      break;
    case VoxelValue::kRich:
      fill_rich(points_N3, places, grid, out);
      break;
  }
  return voxels;
}

at::Tensor normalise_unit_sphere(const at::Tensor& points_N3) {
  check_points(points_N3, "normalise_unit_sphere");
  const at::Tensor points = points_N3.contiguous();
  const std::int64_t count = points.size(0);
  const auto* from = points.const_data_ptr<float>();
  const Point centre = mean_of(from, count);
  double radius = 0.0;
  for (std::int64_t i = 0; i < count; ++i) {
    radius = std::max(
        radius,
        std::hypot(
            from[3 * i] - centre[0], from[3 * i + 1] - centre[1], from[3 * i + 2] - centre[2]));
  }
  at::Tensor result = at::empty({count, 3}, at::kFloat);
  auto* to = result.data_ptr<float>();
  for (std::int64_t i = 0; i < 3 * count; ++i) {
    const double centred = from[i] - centre[static_cast<std::size_t>(i % 3)];
    to[i] = radius > 0.0 ? static_cast<float>(centred / radius) : 0.0F;
  }
  return result;
}

}  // namespace larkspur::readers
