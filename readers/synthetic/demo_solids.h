// SPDX-License-Identifier: Apache-2.0
// Triangle meshes of simple solids: made by turning a profile about the z axis, or by filling cells
// of a rectilinear grid. Every mesh is closed: each edge belongs to two faces, once in each
// direction, and faces are counter-clockwise seen from outside.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "readers/format/mesh.h"

namespace larkspur::readers {

/// A point of a profile: distance from the z axis, >= 0, and height.
struct ProfilePoint {
  double radius = 0.0;
  double height = 0.0;
};

/// Turns a profile about the z axis in `segments` >= 3 steps; a point on the axis becomes one
/// vertex. The profile has its inside on the left: a closed outline off the axis (a ring), or from
/// a point on the axis up to another (a solid body). Throws kInvalidArgument for anything else.
Mesh turned(const std::vector<ProfilePoint>& profile, int segments);

/// Ascending coordinates of the grid's planes along x, y, z; at least two each.
using GridPlanes = std::array<std::vector<double>, 3>;

/// The union of the grid cells for which `filled` says so, without inner walls. Closed as long as
/// no two filled cells touch in an edge or a corner only.
Mesh filled_cells(const GridPlanes& planes, const std::function<bool(int x, int y, int z)>& filled);

/// `cells` + 1 planes at equal distances.
std::vector<double> planes_between(double low, double high, int cells);

/// Adds the other mesh's vertices and faces; the two stay separate bodies.
void append(Mesh& mesh, const Mesh& other);

/// Whether the counts stand on a line of their own or, as in part of ModelNet-40, right behind the
/// magic word: "OFF490 518 0".
enum class OffHeader : std::uint8_t { kSeparate, kGlued };

/// The mesh as an OFF file, six significant digits.
std::string off_text(const Mesh& mesh, OffHeader header);

}  // namespace larkspur::readers
