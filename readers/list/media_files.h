// SPDX-License-Identifier: Apache-2.0
// Which video and cloud files a list, a folder or a file stands for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace larkspur::readers {

/// A file to look into. It need not exist.
struct MediaFile {
  std::string name;                      ///< as it was given, or as the list has it
  std::filesystem::path path;            ///< where to open it
  std::optional<std::int64_t> frames{};  ///< of a folder of pictures: how many a list names
};

struct MediaFiles {
  std::vector<MediaFile> files;
  bool is_single = false;  ///< the path was a file itself, not a list or a folder
};

/// What `path` stands for:
/// - a folder: all video and cloud files and packs, or where there are none all pictures, below it
///   by their endings, sorted by path (folder_walk.h: no hidden ones, links followed). A .txt
///   directly in it whose lines are no numbers is a list that lies beside the class folders, and
///   none of them; deeper every .txt is a cloud, whole or broken;
/// - a file of a kind that its first bytes or its ending tell, or with a zero byte, which no list
///   has: that file. A .txt is a cloud where most of its first lines are numbers, and where it
///   cannot be read or is empty;
/// - any other file: a list of `path` or `path label` lines, in order, duplicates kept, of shape
///   ids (cloud_list.h), of folders of pictures (frame_list.h), with one label or several as more
///   of the folders are there, or of Kinetics' annotations (video_list.h). Paths start at `root`,
///   or beside the list where it is empty; they may have any ending.
/// Throws kNotFound for a folder or list that is not there, kInvalidArgument where it holds no
/// file.
MediaFiles find_media_files(const std::filesystem::path& path, const std::filesystem::path& root);

/// The video files below a folder; where there are none the folders of numbered pictures
/// (frame_names.h), itself among them. May be none.
std::vector<MediaFile> videos_below(const std::filesystem::path& folder);

}  // namespace larkspur::readers
