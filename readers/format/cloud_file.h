// SPDX-License-Identifier: Apache-2.0
// One cloud or mesh file of any format we read, opened by its extension.
//
//   .off .ply            -> Mesh, or points where it has no triangles
//   .pcd .npy .txt .xyz  -> points
#pragma once

#include <cstdint>
#include <filesystem>
#include <variant>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"
#include "readers/format/mesh.h"

namespace larkspur::readers {

/// Points as stored, float32 [N, C], C >= 3, N >= 1, all finite, the first three columns x, y, z;
/// or a surface with at least one triangle to draw them from. Whatever lies far from the origin has
/// been moved there (local_origin.h), except points of .npy: those are float32 as they are stored.
using CloudFile = std::variant<at::Tensor, Mesh>;

/// True for the extensions above, in any case.
bool is_cloud_file(const std::filesystem::path& path);

/// Reads one file. Errors name it: kUnsupported for another extension, kCorruptData for an array
/// that is not [N, C] or holds NaN or infinities, and those of the formats.
pipeline::Result<CloudFile> read_cloud_file(const std::filesystem::path& path);

/// The vertices of a mesh as float32 [N, 3], CPU, contiguous.
at::Tensor vertices_of(const Mesh& mesh);

}  // namespace larkspur::readers
