// SPDX-License-Identifier: Apache-2.0
// The one way into folders, for training, evaluation, predictions and checks alike.
//
// Hidden files and folders (._chair.off, .git, __MACOSX) are not there. Links are followed; one
// that leads nowhere is a file, which fails when it is opened, by name, and counts as a bad sample.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "readers/file_kind.h"

namespace larkspur::readers {

/// What lies in a folder: names, sorted.
struct FolderContent {
  std::vector<std::string> folders;  ///< also links to folders
  std::vector<std::string> files;    ///< all else, also links that lead nowhere
};

/// Throws kIo naming the folder.
FolderContent look_into(const std::filesystem::path& folder);

/// The paths of all files below a folder, sorted. A link to a folder above it is not followed.
/// Throws kIo naming a folder that cannot be read.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder);

/// The files of a folder that are samples: of the ending (".npy", lower case; a file's may be upper
/// case), or where it is empty of the kind.
std::vector<std::string> samples_in(const std::filesystem::path& folder,
                                    const std::string& ending,
                                    bool (*is_of_kind)(const std::filesystem::path&));

/// Whether there is a folder of that path; false for what cannot be looked at.
bool is_folder(const std::filesystem::path& path);

}  // namespace larkspur::readers
