// SPDX-License-Identifier: Apache-2.0
// PCD files through PCL: the point clouds of robotics.
//
// Coordinates are read as the file stores them: F 8 as double, F 4, also in text, as float32.
#pragma once

#include <filesystem>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"

namespace larkspur::readers {

/// The finite points of a PCD file (ascii, binary, binary_compressed), float32 [N, 3], or [N, 6]
/// with normals where it has them (0, 0, 0 where a normal is not finite); N >= 1. Coordinates far
/// from the origin are moved there, in double, before they are rounded: local_origin.h. What lies
/// behind binary data is padding. Memory is at most 400 times the file's size whatever its header
/// claims. Errors name the file: kNotFound, kIo, kCorruptData (also where the header promises more
/// than the file holds), kUnsupported for coordinates that are not F, and in a build without PCL.
/// Prints nothing.
pipeline::Result<at::Tensor> read_pcd(const std::filesystem::path& path);

/// The same from bytes in memory; `name` stands for the file in messages.
pipeline::Result<at::Tensor> parse_pcd(std::string_view bytes, std::string_view name);

}  // namespace larkspur::readers
