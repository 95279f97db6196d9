// SPDX-License-Identifier: Apache-2.0
// The bytes of one file in memory, read in one go.
//
// Read, not mapped: a mapped file that somebody cuts while it is parsed ends the process.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "pipeline/result.h"

namespace larkspur::readers {

/// Larger files are refused: no cloud or mesh of ours comes near it, and a sparse file may claim
/// any size.
inline constexpr std::size_t kLargestFileBytes = std::size_t{1} << 32;

/// Owns its bytes. Move-only; thread-safe to read.
class FileBytes {
 public:
  FileBytes(std::unique_ptr<char[]> bytes, std::size_t size)
      : bytes_(std::move(bytes)), size_(size) {}

  /// Valid as long as this object lives.
  std::string_view view() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

/// The whole of a regular file. Errors, all naming the path: kNotFound (absent, or a folder of the
/// path is), kIo (not a regular file, no permission, the system refused), kUnsupported (larger than
/// kLargestFileBytes), kCorruptData (no byte in it).
pipeline::Result<FileBytes> read_file(const std::filesystem::path& path);

/// Its first bytes, at most `most` > 0; errors as above.
pipeline::Result<FileBytes> read_start(const std::filesystem::path& path, std::size_t most);

}  // namespace larkspur::readers
