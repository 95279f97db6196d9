// SPDX-License-Identifier: Apache-2.0
// Files that a test writes itself, and the folder of real data it may be given.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

namespace larkspur::testing {

/// Writes the bytes to a file, with the folders above it; returns its path.
inline std::filesystem::path write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

/// A folder of the real data that LARKSPUR_REAL_DATA names; nothing where the variable is unset.
inline std::optional<std::filesystem::path> real_data(std::string_view folder) {
  const char* const root = std::getenv("LARKSPUR_REAL_DATA");
  if (root == nullptr) return std::nullopt;
  return std::filesystem::path(root) / folder;
}

}  // namespace larkspur::testing
