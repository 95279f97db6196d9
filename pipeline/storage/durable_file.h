// SPDX-License-Identifier: Apache-2.0
// Files that are on the disk when a call returns, or not there at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "pipeline/storage/file_descriptor.h"

namespace larkspur::pipeline {

/// A file being written. Move-only by not being copied or moved; one thread at a time. Every
/// failure throws Error{kIo} with the path and the system's own text.
class DurableFile {
 public:
  /// Creates the file; it must not exist yet.
  explicit DurableFile(const std::filesystem::path& path);
  ~DurableFile() = default;  ///< closes; a file that was not finished is left incomplete
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  /// The disk begins with it every few megabytes, so that finish() finds most of it there.
  void write(const void* data, std::size_t bytes);
  void finish();  ///< fsync and close

 private:
  void begin_on_disk();
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  FileDescriptor descriptor_;
  std::int64_t written_ = 0;
  std::int64_t begun_ = 0;  ///< bytes that the disk has begun with
};

/// Makes the names in a folder durable (fsync of the folder). Throws kIo.
void sync_folder(const std::filesystem::path& folder);

/// Makes a file that is not there yet, and syncs it.
using FileWriter = std::function<void(const std::filesystem::path& aside)>;

/// Has `write` make the file aside, then renames it into place: readers see all of it or nothing.
/// Throws kIo, and what `write` throws.
void write_and_rename(const std::filesystem::path& path, const FileWriter& write);

/// The same of a text.
void write_and_rename(const std::filesystem::path& path, std::string_view text);

/// The whole file. Throws kNotFound or kIo naming the path.
std::string read_file(const std::filesystem::path& path);

}  // namespace larkspur::pipeline
