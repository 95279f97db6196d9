// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/volume_points.h"

#include <vector>

#include <ATen/ops/empty.h>

namespace larkspur::readers {
namespace {

// Of each cell of an axis, the centre of its voxel.
std::vector<float> places_along(std::int64_t cells, std::int64_t grid) {
  std::vector<float> places;
  for (std::int64_t i = 0; i < cells; ++i) {
    const std::int64_t voxel =
        grid >= cells ? i + (grid - cells) / 2 : (2 * i + 1) * grid / (2 * cells);
    places.push_back(static_cast<float>(2 * voxel + 1 - grid) / static_cast<float>(grid));
  }
  return places;
}

}  // namespace

at::Tensor cell_centres(const Volume& volume, std::int64_t grid) {
  const auto side = static_cast<std::size_t>(volume.side());
  const std::vector<float> places = places_along(volume.side(), grid);
  const auto* cell = volume.cells.const_data_ptr<std::uint8_t>();
  at::Tensor points_N3 = at::empty({volume.full, 3}, at::kFloat);
  auto* out = points_N3.data_ptr<float>();
  for (std::size_t z = 0; z < side; ++z) {
    for (std::size_t y = 0; y < side; ++y) {
      for (std::size_t x = 0; x < side; ++x) {
        if (*cell++ == 0) continue;
        *out++ = places[x];
        *out++ = places[y];
        *out++ = places[z];
      }
    }
  }
  return points_N3;
}

}  // namespace larkspur::readers
