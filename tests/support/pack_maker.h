// SPDX-License-Identifier: Apache-2.0
// Packs of clouds for tests, written by HDF5's own library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::testing {

/// What a pack is made of; undefined or empty parts are left out.
struct PackParts {
  at::Tensor points;                   ///< "data", float32
  at::Tensor normals{};                ///< "normal", float32
  std::vector<std::int64_t> labels{};  ///< "label"
  bool labels_as_column = true;        ///< [S, 1], as the published packs have them; else [S]
  bool is_compressed = true;           ///< in chunks, by deflate, as those are
};

/// Replaces a file. Throws std::runtime_error where the library refuses.
void write_pack(const std::filesystem::path& path, const PackParts& parts);

}  // namespace larkspur::testing
