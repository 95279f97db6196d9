// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_file.h"

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/file_kind.h"
#include "readers/format/cloud_text.h"
#include "readers/format/local_origin.h"
#include "readers/format/mat_file.h"
#include "readers/format/npy_file.h"
#include "readers/format/obj_file.h"
#include "readers/format/off_file.h"
#include "readers/format/pcd_file.h"
#include "readers/format/ply_file.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::Result;
using pipeline::text_of;

constexpr std::int64_t kMostPointColumns = 16;  // more, and more than rows: axes changed places

// A mesh near the origin, or its vertices where it has no surface.
CloudFile local(Mesh mesh) {
  move_to_origin(mesh.vertices);
  if (mesh.triangles.empty()) return vertices_of(mesh);
  return mesh;
}

Result<CloudFile> checked(const Result<at::Tensor>& read, std::string_view name) {
  if (!read.ok()) return read.error();
  const at::Tensor& points = read.value();
  if (points.dim() != 2 || points.size(0) < 1 || points.size(1) < 3) {
    return Error(
        Errc::kCorruptData,
        text_of(name, ": expected an array of [N, 3 or more],", " found ", points.sizes()));
  }
  if (points.size(1) > kMostPointColumns && points.size(1) > points.size(0)) {
    return Error(Errc::kCorruptData,
                 text_of(name,
                         ": expected a row a point, [N, 3 or more], found ",
                         points.sizes(),
                         ": transpose the array"));
  }
  const auto* values = points.const_data_ptr<float>();
  for (std::int64_t i = 0; i < points.numel(); ++i) {
    if (std::isfinite(values[i])) continue;
    return Error(Errc::kCorruptData,
                 text_of(name,
                         ": point ",
                         i / points.size(1),
                         " holds ",
                         values[i],
                         ", expected finite values"));
  }
  return CloudFile(points);
}

// Double until it lies at the origin: a survey keeps its millimetres.
Result<CloudFile> parse_npy_cloud(std::string_view bytes, std::string_view name) {
  const Result<at::Tensor> read = parse_wide_npy(bytes, name);
  if (!read.ok() || read.value().scalar_type() != at::kDouble) return checked(read, name);
  const at::Tensor& wide = read.value();
  const Result<CloudFile> narrow = checked(wide.to(at::kFloat), name);
  if (!narrow.ok()) return narrow.error();
  const auto* const values = wide.const_data_ptr<double>();
  return CloudFile(local_points({values, values + wide.numel()}, wide.size(1)));
}

Result<CloudFile> parse_ply_cloud(std::string_view bytes, std::string_view name) {
  Result<PlyContent> content = parse_ply(bytes, name);
  if (!content.ok()) return content.error();
  const auto* const points = std::get_if<at::Tensor>(&content.value());
  if (points != nullptr) return checked(*points, name);
  return local(std::get<Mesh>(std::move(content).value()));
}

Result<CloudFile> local(Result<Mesh> mesh) {
  if (!mesh.ok()) return mesh.error();
  return local(std::move(mesh).value());
}

Result<CloudFile> parse_volume(std::string_view bytes, std::string_view name) {
  Result<Volume> volume = parse_mat(bytes, name);
  if (!volume.ok()) return volume.error();
  return CloudFile(std::move(volume).value());
}

Error no_cloud(const std::filesystem::path& path, std::string_view bytes, FileKind kind) {
  const std::string advice = advice_on(path, bytes);
  if (kind == FileKind::kForeign || kind == FileKind::kPack) {
    return Error(Errc::kUnsupported, path.string() + ": " + advice);
  }
  return Error(Errc::kUnsupported,
               text_of(path.string(),
                       kind == FileKind::kVideo ? ": a video by its ending" : ": a file of no kind",
                       " and first bytes, expected a cloud: ",
                       cloud_endings()));
}

}  // namespace

Result<CloudFile> read_cloud_file(const std::filesystem::path& path) {
  const Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_cloud_file(bytes.value().view(), path);
}

Result<CloudFile> parse_cloud_file(std::string_view bytes, const std::filesystem::path& path) {
  const std::string name = path.string();
  const FileKind kind = kind_of(path, bytes);
  switch (kind) {
    case FileKind::kOff:
      return local(parse_off(bytes, name));
    case FileKind::kObj:
      return local(parse_obj(bytes, name));
    case FileKind::kPly:
      return parse_ply_cloud(bytes, name);
    case FileKind::kPcd:
      return checked(parse_pcd(bytes, name), name);
    case FileKind::kNpy:
      return parse_npy_cloud(bytes, name);
    case FileKind::kText:
      return checked(parse_cloud_text(bytes, name), name);
    case FileKind::kMat:
      return parse_volume(bytes, name);
    default:
      return no_cloud(path, bytes, kind);
  }
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
