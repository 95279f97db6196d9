// SPDX-License-Identifier: Apache-2.0
// PCD files through PCL: the point clouds of robotics.
#pragma once

#include <filesystem>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"

namespace larkspur::readers {

/// The finite points of a PCD file (ascii, binary, binary_compressed), float32 [N, 3], or [N, 6]
/// with normals where it has them; N >= 1. Coordinates far from the origin are moved there, in
/// double, before they are rounded. Errors name the file: kNotFound, kIo, kCorruptData (also where
/// the header promises more than the file holds), kUnsupported in a build without PCL.
pipeline::Result<at::Tensor> read_pcd(const std::filesystem::path& path);

}  // namespace larkspur::readers
