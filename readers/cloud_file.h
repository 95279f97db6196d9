// SPDX-License-Identifier: Apache-2.0
// One cloud or mesh file of any format we read, opened by its extension.
//
//   .off            -> Mesh, or points where it has no polygons
//   .npy .txt .xyz  -> points
#pragma once

#include <cstdint>
#include <filesystem>
#include <variant>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"
#include "readers/mesh.h"

namespace larkspur::readers {

/// Points as stored, float32 [N, C], C >= 3, N >= 1, all finite, the first three columns x, y, z;
/// or a surface with at least one triangle to draw them from.
using CloudFile = std::variant<at::Tensor, Mesh>;

/// True for the extensions above, in any case.
bool is_cloud_file(const std::filesystem::path& path);

/// Reads one file. Errors name it: kUnsupported for another extension, kCorruptData for an array
/// that is not [N, C] or holds NaN or infinities, and those of the formats.
pipeline::Result<CloudFile> read_cloud_file(const std::filesystem::path& path);

}  // namespace larkspur::readers
