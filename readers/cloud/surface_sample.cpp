// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/surface_sample.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Errc;
using pipeline::require;

const Vertex& corner(const Mesh& mesh, const Triangle& triangle, std::size_t which) {
  return mesh.vertices[static_cast<std::size_t>(triangle[which])];
}

double area_of(const Mesh& mesh, const Triangle& triangle) {
  const Vertex& a = corner(mesh, triangle, 0);
  Vertex u;
  Vertex v;
  for (std::size_t i = 0; i < 3; ++i) {
    u[i] = corner(mesh, triangle, 1)[i] - a[i];
    v[i] = corner(mesh, triangle, 2)[i] - a[i];
  }
  const double x = u[1] * v[2] - u[2] * v[1];
  const double y = u[2] * v[0] - u[0] * v[2];
  const double z = u[0] * v[1] - u[1] * v[0];
  return 0.5 * std::sqrt(x * x + y * y + z * z);
}

// The triangles that can be drawn, each with the area up to and including its own.
struct AreaTable {
  std::vector<double> until;
  std::vector<Triangle> triangles;
};

AreaTable area_table(const Mesh& mesh) {
  AreaTable table;
  double sum = 0.0;
  for (const Triangle& triangle : mesh.triangles) {
    const double area = area_of(mesh, triangle);
    if (!(area > 0.0)) continue;
    sum += area;
    table.until.push_back(sum);
    table.triangles.push_back(triangle);
  }
  return table;
}

// [0, 1) in steps of 2^-53: a triangle may be smaller than 2^-32 of the surface.
double fine_uniform(CounterRng& rng) {
  const std::uint64_t high = rng.bits();
  return static_cast<double>((high << 32 | rng.bits()) >> 11) * 0x1p-53;
}

void draw_on_triangles(const Mesh& mesh, const AreaTable& table, at::Tensor& out, CounterRng& rng) {
  auto* place = out.data_ptr<float>();
  for (std::int64_t i = 0; i < out.size(0); ++i, place += 3) {
    const double at = fine_uniform(rng) * table.until.back();
    const auto after = std::upper_bound(table.until.begin(), table.until.end(), at);
    // The product may round up to the whole area.
    const auto chosen =
        std::min<std::ptrdiff_t>(after - table.until.begin(), std::ssize(table.until) - 1);
    const Triangle& triangle = table.triangles[static_cast<std::size_t>(chosen)];
    const double root = std::sqrt(rng.uniform());
    const double share = rng.uniform();
    for (std::size_t k = 0; k < 3; ++k) {
      place[k] = static_cast<float>((1.0 - root) * corner(mesh, triangle, 0)[k] +
                                    root * (1.0 - share) * corner(mesh, triangle, 1)[k] +
                                    root * share * corner(mesh, triangle, 2)[k]);
    }
  }
}

std::vector<std::size_t> used_vertices(const Mesh& mesh) {
  std::vector<bool> is_used(mesh.vertices.size(), mesh.triangles.empty());
  for (const Triangle& triangle : mesh.triangles) {
    for (const std::int32_t vertex : triangle) is_used[static_cast<std::size_t>(vertex)] = true;
  }
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < is_used.size(); ++i) {
    if (is_used[i]) used.push_back(i);
  }
  return used;
}

void draw_on_vertices(const Mesh& mesh, at::Tensor& out, CounterRng& rng) {
  const std::vector<std::size_t> used = used_vertices(mesh);
  auto* place = out.data_ptr<float>();
  for (std::int64_t i = 0; i < out.size(0); ++i) {
    const Vertex& vertex = mesh.vertices[used[rng.below(static_cast<std::uint32_t>(used.size()))]];
    for (const double coordinate : vertex) *place++ = static_cast<float>(coordinate);
  }
}

}  // namespace

at::Tensor sample_surface(const Mesh& mesh, std::int64_t points, CounterRng& rng) {
  require(points >= 0, Errc::kInvalidArgument, "[sample_surface] points is ", points, ", not >= 0");
  require(!mesh.vertices.empty(), Errc::kInvalidArgument, "[sample_surface] a mesh of 0 vertices");
  at::Tensor out = at::empty({points, 3}, at::kFloat);
  const AreaTable table = area_table(mesh);
  if (table.until.empty()) {
    draw_on_vertices(mesh, out, rng);
  } else {
    draw_on_triangles(mesh, table, out, rng);
  }
  return out;
}

}  // namespace larkspur::readers
