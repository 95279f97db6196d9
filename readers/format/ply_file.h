// SPDX-License-Identifier: Apache-2.0
// Meshes and clouds from PLY files, text and binary of both byte orders.
//
// Of the element vertex, x, y, z and where there are no faces nx, ny, nz count; of the element face
// its list vertex_indices (or vertex_index, vertex_indexes). A surface told in another way (strips,
// faces without such a list) is refused; all else is stepped over, in any order of elements.
#pragma once

#include <filesystem>
#include <string_view>
#include <variant>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"
#include "readers/format/mesh.h"

namespace larkspur::readers {

/// A mesh where the file has a triangle, else points: float32 [N, 3], or [N, 6] with normals, N
/// >= 1.
using PlyContent = std::variant<at::Tensor, Mesh>;

/// Polygons become fans around their first corner; those of fewer than three corners are left out.
/// Points far from the origin are moved there (local_origin.h). In text a row is a line; numbers
/// after a face's last property, lines after the last row, bytes after binary data are ignored.
/// Memory is at most 20 times the file's size whatever its header claims.
/// Errors name file and line, or byte: kCorruptData for all that contradicts the format or holds no
/// point (cut short, indices out of range, coordinates that are not finite float32), kUnsupported
/// for coordinates or indices that are lists or scalars where they should not be, and those of
/// reading a file.
pipeline::Result<PlyContent> read_ply(const std::filesystem::path& path);

/// The same from bytes in memory; `name` stands for the file in messages.
pipeline::Result<PlyContent> parse_ply(std::string_view bytes, std::string_view name);

}  // namespace larkspur::readers
