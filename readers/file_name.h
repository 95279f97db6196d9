// SPDX-License-Identifier: Apache-2.0
// What a file's name says of it. In every build, whatever libraries it has.
#pragma once

#include <filesystem>
#include <string>

namespace larkspur::readers {

/// ".mp4" of "A.MP4"; "" where there is none.
std::string lower_extension(const std::filesystem::path& path);

/// True for the extensions of the containers we open by default (.mp4 .mkv .webm .avi .mov ...), in
/// any case; also in a build that cannot read them, which says so when one is opened.
bool is_video_file(const std::filesystem::path& path);

/// Whether a list takes the file: of that extension, or where it is empty of that kind.
bool is_wanted(const std::filesystem::path& path,
               const std::string& extension,
               bool (*is_of_kind)(const std::filesystem::path&));

/// .git, .DS_Store and their like: no samples and no classes.
bool is_hidden(const std::string& name);

}  // namespace larkspur::readers
