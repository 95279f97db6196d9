// SPDX-License-Identifier: Apache-2.0
// One cloud or mesh file of any format we read, told by its first bytes, else by its ending
// (file_kind.h).
//
//   .off .obj .ply       -> Mesh, or points where it has no triangles
//   .pcd .npy .txt .xyz  -> points
//   .mat                 -> a volume of cells
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <variant>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"
#include "readers/format/mesh.h"
#include "readers/format/volume.h"

namespace larkspur::readers {

/// Points as stored, float32 [N, C], C >= 3, N >= 1, all finite, the first three columns x, y, z;
/// or a surface with at least one triangle to draw them from. Whatever lies far from the origin has
/// been moved there (local_origin.h), except points that an .npy stores as float32. Or cells.
using CloudFile = std::variant<at::Tensor, Mesh, Volume>;

/// Reads one file. Errors name it: kUnsupported for a file of another kind, with the way out where
/// there is one; kCorruptData for an array that is not [N, C] or holds NaN or infinities; and those
/// of the formats.
pipeline::Result<CloudFile> read_cloud_file(const std::filesystem::path& path);

/// The same from the bytes of a file that were read; `path` stands for it in messages.
pipeline::Result<CloudFile> parse_cloud_file(std::string_view bytes,
                                             const std::filesystem::path& path);

/// The vertices of a mesh as float32 [N, 3], CPU, contiguous.
at::Tensor vertices_of(const Mesh& mesh);

}  // namespace larkspur::readers
