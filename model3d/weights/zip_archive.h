// SPDX-License-Identifier: Apache-2.0
// A zip archive of members that are stored, not compressed: what a `.pth` file is.
//
//   [local header, bytes] [local header, bytes] .. [directory] [zip64 end, its locator] [end]
//
// Source: PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5, with zip64. Read here because LibTorch's
// own reader is built without the check of a member's CRC-32 and inflates whatever a header claims.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/storage/file_descriptor.h"

namespace larkspur::model3d {

/// A member, checked to lie inside the file and behind the member before it.
struct ZipMember {
  std::string name;
  std::uint64_t begin = 0;  ///< of its bytes, in the file
  std::uint64_t size = 0;   ///< in bytes
  std::uint32_t crc = 0;    ///< CRC-32 of its bytes, as the directory has it
};

/// An archive opened for reading. Holds its directory; nothing else is kept. Const and callable
/// from many threads.
class ZipArchive {
 public:
  /// Throws kNotFound; kUnsupported for a file that is no archive and for members that are
  /// compressed, encrypted or on another disk; kCorruptData where the directory contradicts the
  /// file, two members overlap, or a name is there twice. Memory is bounded by some times the
  /// directory, of which there are kMaxDirectoryBytes at most.
  explicit ZipArchive(std::filesystem::path path);
  ~ZipArchive() = default;
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  /// In the order of the directory.
  const std::vector<ZipMember>& members() const { return members_; }

  /// Null when there is no such member.
  const ZipMember* find(std::string_view name) const;

  std::uint64_t file_bytes() const { return file_bytes_; }

  /// Bytes [offset, offset + size) of a member, which must have them, into `out`. Not checked
  /// against the CRC-32. Throws kIo.
  void read(const ZipMember& member, std::uint64_t offset, std::uint64_t size, void* out) const;

  /// Reads the whole member, a piece of 1 MB at a time, and throws kCorruptData naming file and
  /// member unless it has the directory's CRC-32. Throws kIo.
  void check(const ZipMember& member) const;

 private:
  struct Directory {
    std::uint64_t begin = 0;
    std::uint64_t bytes = 0;
    std::uint64_t members = 0;
  };

  void read_at(std::uint64_t begin, std::uint64_t size, void* out) const;
  std::string bytes_at(std::uint64_t begin, std::uint64_t size) const;
  void check_that(bool good, std::string_view what) const;
  Directory find_directory() const;
  Directory directory_of_zip64(std::uint64_t locator) const;
  void read_directory(const Directory& directory);
  void find_bytes(const Directory& directory);

  std::filesystem::path path_;
  pipeline::FileDescriptor descriptor_;
  std::uint64_t file_bytes_ = 0;
  std::vector<ZipMember> members_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  ///< of members_
};

inline constexpr std::uint64_t kMaxDirectoryBytes = 16U << 20U;

}  // namespace larkspur::model3d
