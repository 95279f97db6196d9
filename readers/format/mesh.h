// SPDX-License-Identifier: Apache-2.0
// A surface made of triangles, as mesh files give it and as points are drawn on it.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

namespace larkspur::readers {

/// x, y, z in the file's own units. Double: coordinates of a survey lose their detail in float.
using Vertex = std::array<double, 3>;

/// Three places in the vertex list, counter-clockwise seen from outside where the file cares.
using Triangle = std::array<std::int32_t, 3>;

/// Coordinates beyond it are refused: points are float32 in the end.
inline constexpr double kLargestCoordinate = std::numeric_limits<float>::max();

/// Plain data. Every index of a triangle is in [0, vertices.size()); vertices that no triangle uses
/// and triangles without area are both usual. Without triangles the vertices are the points.
struct Mesh {
  std::vector<Vertex> vertices;
  std::vector<Triangle> triangles;
  std::int64_t polygons = 0;  ///< that the file has; the triangles are made of them
};

}  // namespace larkspur::readers
