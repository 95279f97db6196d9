// SPDX-License-Identifier: Apache-2.0
// What can be asked of a mesh without knowing how it was made.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "readers/synthetic/demo_solids.h"

namespace larkspur::testing {

/// Directed edges that are not there exactly once, or whose way back is not: none in a closed mesh
/// whose faces all look to the same side.
inline std::vector<std::pair<int, int>> open_edges(const readers::Mesh& mesh) {
  std::map<std::pair<int, int>, int> count;
  for (const auto& face : mesh.triangles) {
    for (std::size_t i = 0; i < 3; ++i) ++count[{face[i], face[(i + 1) % 3]}];
  }
  std::vector<std::pair<int, int>> open;
  for (const auto& [edge, times] : count) {
    const auto back = count.find({edge.second, edge.first});
    if (times != 1 || back == count.end()) open.push_back(edge);
  }
  return open;
}

/// Signed volume by the divergence theorem: positive when faces are counter-clockwise from outside.
inline double volume(const readers::Mesh& mesh) {
  double six = 0.0;
  for (const auto& face : mesh.triangles) {
    const auto& a = mesh.vertices[static_cast<std::size_t>(face[0])];
    const auto& b = mesh.vertices[static_cast<std::size_t>(face[1])];
    const auto& c = mesh.vertices[static_cast<std::size_t>(face[2])];
    six += a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) +
           a[2] * (b[0] * c[1] - b[1] * c[0]);
  }
  return six / 6.0;
}

/// The connected parts of a mesh, each with only its own vertices' faces.
inline std::vector<readers::Mesh> bodies(const readers::Mesh& mesh) {
  std::vector<std::size_t> root(mesh.vertices.size());
  for (std::size_t i = 0; i < root.size(); ++i) root[i] = i;
  const auto find = [&](std::size_t i) {
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  };
  for (const auto& face : mesh.triangles) {
    root[find(static_cast<std::size_t>(face[0]))] = find(static_cast<std::size_t>(face[1]));
    root[find(static_cast<std::size_t>(face[1]))] = find(static_cast<std::size_t>(face[2]));
  }
  std::map<std::size_t, readers::Mesh> parts;
  for (const auto& face : mesh.triangles) {
    readers::Mesh& part = parts[find(static_cast<std::size_t>(face[0]))];
    part.vertices = mesh.vertices;
    part.triangles.push_back(face);
  }
  std::vector<readers::Mesh> found;
  for (auto& [first, part] : parts) found.push_back(std::move(part));
  return found;
}

}  // namespace larkspur::testing
