// SPDX-License-Identifier: Apache-2.0
// One wrong bit in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>

namespace larkspur::testing {

/// In the byte so many from the end of the file; the last one is 1.
inline void flip_bit(const std::filesystem::path& path, std::int64_t offset_from_end) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-offset_from_end, std::ios::end);
  const auto byte = static_cast<char>(file.get() ^ 4);
  file.seekp(-offset_from_end, std::ios::end);
  file.put(byte);
}

}  // namespace larkspur::testing
