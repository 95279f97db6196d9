// SPDX-License-Identifier: Apache-2.0
// A folder a class, with its samples in it: Kinetics' videos and ImageNet's pictures.
//
//   <root>/<split>/<class name>/<file>      or <root>/<class name>/<file>
#pragma once

#include <filesystem>
#include <string>

#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Which files are samples, and what they are called in messages.
struct FolderKind {
  bool (*is_of_kind)(const std::filesystem::path& path);
  const char* name;  ///< "video"
};

/// Hidden folders and those without a sample are no classes; without a labels file classes are the
/// sorted names. Throws kNotFound where there is no sample, kInvalidArgument naming a folder that
/// the labels lack.
SampleList read_class_folders(const std::filesystem::path& root,
                              const ListOptions& options,
                              const FolderKind& kind);

}  // namespace larkspur::readers
