// SPDX-License-Identifier: Apache-2.0
// Records of videos in a folder, so that a video is read through once and not at every opening.
//
//   <folder>/3f/3f9a0c4e17d2b865.index    one file a video, named by a hash of its path
//
//   kept: version, readers, path, size, time of modification, CRC of both ends | record | CRC-32C
//
// An entry counts only where all of that agrees; what is stale, torn or of another version is not
// there, and is written anew. The folder may be deleted at any time, by hand too.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "readers/video/video_file.h"

namespace larkspur::readers {

/// Where entries are.
struct IndexFolder {
  std::filesystem::path
      path{};                 ///< need not exist: the first entry makes it; empty: there are none
  bool is_read_only = false;  ///< entries are used, none is made
};

/// Const and callable from many threads and processes at once, also on several hosts: entries are
/// written aside and renamed into place. A folder that cannot be written only says so, once, as an
/// info.
class IndexCache {
 public:
  explicit IndexCache(IndexFolder folder);

  struct Opened {
    std::unique_ptr<VideoFile> video;
    bool was_known = false;  ///< by an entry: the file was not read through
    std::string not_kept{};  ///< why an entry that was to be made is not there; else empty
  };

  /// VideoFile::open() of a path, by its entry where there is one; else one is made. Errors as
  /// there, of entries none.
  pipeline::Result<Opened> open(const std::filesystem::path& path) const;

  /// Where the entry of a video is, or would be.
  std::filesystem::path entry_of(const std::filesystem::path& path) const;

 private:
  /// Why it cannot; else "".
  std::string keep(const std::filesystem::path& entry, const std::string& bytes) const;

  IndexFolder folder_;
  mutable std::once_flag told_;
};

}  // namespace larkspur::readers
