// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_solids.h"

#include <cmath>
#include <map>
#include <numbers>
#include <sstream>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;

using Corner = std::array<int, 3>;  // grid planes along x, y, z

/// The surface of a union of cells while it is put together; corners become vertices once.
class CellSurface {
 public:
  explicit CellSurface(const GridPlanes& planes) : planes_(planes) {}

  /// The wall of `cell` on one side of an axis: two triangles, outward.
  void add_wall(const Corner& cell, int axis, bool upper) {
    const int u = (axis + 1) % 3;
    const int v = (axis + 2) % 3;
    std::array<int, 4> ring{};
    for (int i = 0; i < 4; ++i) {
      Corner corner = cell;
      corner[static_cast<std::size_t>(axis)] += upper ? 1 : 0;
      corner[static_cast<std::size_t>(u)] += i == 1 || i == 2 ? 1 : 0;
      corner[static_cast<std::size_t>(v)] += i >= 2 ? 1 : 0;
      // u x v points along the axis: the lower wall is walked the other way round.
      ring[static_cast<std::size_t>(upper ? i : 3 - i)] = vertex(corner);
    }
    mesh_.triangles.push_back({ring[0], ring[1], ring[2]});
    mesh_.triangles.push_back({ring[0], ring[2], ring[3]});
  }

  Mesh take() && { return std::move(mesh_); }

 private:
  int vertex(const Corner& corner) {
    const auto [place, is_new] =
        index_.try_emplace(corner, static_cast<int>(mesh_.vertices.size()));
    if (is_new) {
      Vertex point{};
      for (std::size_t axis = 0; axis < 3; ++axis) {
        point[axis] = planes_[axis][static_cast<std::size_t>(corner[axis])];
      }
      mesh_.vertices.push_back(point);
    }
    return place->second;
  }

  const GridPlanes& planes_;
  std::map<Corner, int> index_;
  Mesh mesh_;
};

/// Appends a triangle unless a pole made two of its corners one.
void add_face(Mesh& mesh, int a, int b, int c) {
  if (a != b && b != c && c != a) mesh.triangles.push_back({a, b, c});
}

}  // namespace

Mesh turned(const std::vector<ProfilePoint>& profile, int segments) {
  require(profile.size() >= 3 && segments >= 3,
          Errc::kInvalidArgument,
          "[turned] ",
          profile.size(),
          " points and ",
          segments,
          " segments, not at least 3 of each");
  const bool on_axis = profile.front().radius == 0.0;
  require(on_axis == (profile.back().radius == 0.0),
          Errc::kInvalidArgument,
          "[turned] the profile begins at radius ",
          profile.front().radius,
          " and ends at ",
          profile.back().radius);
  Mesh mesh;
  std::vector<std::vector<int>> rings;  // [profile point][segment] vertex
  for (std::size_t i = 0; i < profile.size(); ++i) {
    const bool end = i == 0 || i + 1 == profile.size();
    require(profile[i].radius > 0.0 || (on_axis && end),
            Errc::kInvalidArgument,
            "[turned] radius ",
            profile[i].radius,
            " inside the profile, not > 0");
    std::vector<int>& ring = rings.emplace_back();
    for (int j = 0; j < segments; ++j) {
      if (j == 0 || profile[i].radius > 0.0) {
        const double angle = 2.0 * std::numbers::pi * j / segments;
        mesh.vertices.push_back({profile[i].radius * std::cos(angle),
                                 profile[i].radius * std::sin(angle),
                                 profile[i].height});
      }
      ring.push_back(static_cast<int>(mesh.vertices.size()) - 1);
    }
  }
  const std::size_t bands = on_axis ? profile.size() - 1 : profile.size();
  for (std::size_t i = 0; i < bands; ++i) {
    const std::vector<int>& low = rings[i];
    const std::vector<int>& high = rings[(i + 1) % profile.size()];
    for (std::size_t j = 0; j < low.size(); ++j) {
      const std::size_t next = (j + 1) % low.size();
      add_face(mesh, low[j], low[next], high[next]);
      add_face(mesh, low[j], high[next], high[j]);
    }
  }
  return mesh;
}

Mesh filled_cells(const GridPlanes& planes,
                  const std::function<bool(int x, int y, int z)>& filled) {
  Corner cells{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    require(planes[axis].size() >= 2,
            Errc::kInvalidArgument,
            "[filled_cells] axis ",
            axis,
            " has ",
            planes[axis].size(),
            " planes, not at least 2");
    cells[axis] = static_cast<int>(planes[axis].size()) - 1;
  }
  const auto is_filled = [&](const Corner& cell) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (cell[axis] < 0 || cell[axis] >= cells[axis]) return false;
    }
    return filled(cell[0], cell[1], cell[2]);
  };
  CellSurface surface(planes);
  for (int at = 0; at < cells[0] * cells[1] * cells[2]; ++at) {
    const Corner cell{at % cells[0], at / cells[0] % cells[1], at / (cells[0] * cells[1])};
    if (!is_filled(cell)) continue;
    for (int side = 0; side < 6; ++side) {
      const int axis = side / 2;
      const bool upper = side % 2 == 1;
      Corner neighbour = cell;
      neighbour[static_cast<std::size_t>(axis)] += upper ? 1 : -1;
      if (!is_filled(neighbour)) surface.add_wall(cell, axis, upper);
    }
  }
  return std::move(surface).take();
}

std::vector<double> planes_between(double low, double high, int cells) {
  std::vector<double> planes;
  for (int i = 0; i <= cells; ++i) planes.push_back(low + (high - low) * i / cells);
  return planes;
}

void append(Mesh& mesh, const Mesh& other) {
  const int shift = static_cast<int>(mesh.vertices.size());
  mesh.vertices.insert(mesh.vertices.end(), other.vertices.begin(), other.vertices.end());
  for (const auto& face : other.triangles) {
    mesh.triangles.push_back({face[0] + shift, face[1] + shift, face[2] + shift});
  }
}

std::string off_text(const Mesh& mesh, OffHeader header) {
  std::ostringstream text;
  text << "OFF" << (header == OffHeader::kGlued ? "" : "\n") << mesh.vertices.size() << " "
       << mesh.triangles.size() << " 0\n";
  for (const Vertex& point : mesh.vertices) {
    text << point[0] << " " << point[1] << " " << point[2] << "\n";
  }
  for (const auto& face : mesh.triangles) {
    text << "3 " << face[0] << " " << face[1] << " " << face[2] << "\n";
  }
  return text.str();
}

}  // namespace larkspur::readers
