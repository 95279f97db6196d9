// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "readers/file_name.h"
#include "readers/format/cloud_text.h"
#include "readers/format/local_origin.h"
#include "readers/format/npy_file.h"
#include "readers/format/off_file.h"
#include "readers/format/pcd_file.h"
#include "readers/format/ply_file.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::Result;
using pipeline::text_of;

constexpr std::array<std::string_view, 6> kExtensions{
    ".off", ".ply", ".pcd", ".npy", ".txt", ".xyz"};

// A mesh near the origin, or its vertices where it has no surface.
CloudFile local(Mesh mesh) {
  move_to_origin(mesh.vertices);
  if (mesh.triangles.empty()) return vertices_of(mesh);
  return mesh;
}

Result<CloudFile> checked(const Result<at::Tensor>& read, const std::filesystem::path& path) {
  if (!read.ok()) return read.error();
  const at::Tensor& points = read.value();
  if (points.dim() != 2 || points.size(0) < 1 || points.size(1) < 3) {
    return Error(
        Errc::kCorruptData,
        text_of(
            path.string(), ": expected an array of [N, 3 or more],", " found ", points.sizes()));
  }
  const auto* values = points.const_data_ptr<float>();
  for (std::int64_t i = 0; i < points.numel(); ++i) {
    if (std::isfinite(values[i])) continue;
    return Error(Errc::kCorruptData,
                 text_of(path.string(),
                         ": point ",
                         i / points.size(1),
                         " holds ",
                         values[i],
                         ", expected finite values"));
  }
  return CloudFile(points);
}

}  // namespace

bool is_cloud_file(const std::filesystem::path& path) {
  const std::string extension = lower_extension(path);
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

Result<CloudFile> read_cloud_file(const std::filesystem::path& path) {
  const std::string extension = lower_extension(path);
  if (extension == ".npy") return checked(read_npy(path), path);
  if (extension == ".txt" || extension == ".xyz") return checked(read_cloud_text(path), path);
  if (extension == ".pcd") return checked(read_pcd(path), path);
  if (extension == ".ply") {
    Result<PlyContent> content = read_ply(path);
    if (!content.ok()) return content.error();
    const auto* const points = std::get_if<at::Tensor>(&content.value());
    if (points != nullptr) return checked(*points, path);
    return local(std::get<Mesh>(std::move(content).value()));
  }
  if (extension != ".off") {
    return Error(Errc::kUnsupported,
                 text_of(path.string(),
                         ": expected .off, .ply, .pcd, .npy, .txt or .xyz, found '",
                         extension,
                         "'"));
  }
  Result<Mesh> mesh = read_off(path);
  if (!mesh.ok()) return mesh.error();
  return local(std::move(mesh).value());
}

at::Tensor vertices_of(const Mesh& mesh) {
  at::Tensor points = at::empty({std::ssize(mesh.vertices), 3}, at::kFloat);
  auto* out = points.data_ptr<float>();
  for (const Vertex& vertex : mesh.vertices) {
    for (const double coordinate : vertex) *out++ = static_cast<float>(coordinate);
  }
  return points;
}

}  // namespace larkspur::readers
