// SPDX-License-Identifier: Apache-2.0
// A folder a class, with its samples in it: Kinetics' videos and ImageNet's pictures.
//
//   <root>/<split>/<class name>/<sample>, <root>/<class name>/<split>/<sample> or
//   <root>/<class name>/<sample>;  a sample is a file, or a folder of numbered pictures
#pragma once

#include <filesystem>
#include <string>

#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Which files are samples, and what they are called in messages.
struct FolderKind {
  bool (*is_of_kind)(const std::filesystem::path& path);
  const char* name;  ///< "video"
  /// Whether a folder is a sample, too, in a class folder that holds no such file; may be null.
  bool (*is_sample)(const std::filesystem::path& folder) = nullptr;
};

/// Hidden folders and those without a sample are no classes. Where one folder of a class is a
/// sample, all are: one that failed to unpack is a bad sample, and not overlooked. Without a labels
/// file classes are the sorted names. Throws kNotFound where there is no sample, kInvalidArgument
/// naming a folder that the labels lack.
SampleList read_class_folders(const std::filesystem::path& root,
                              const ListOptions& options,
                              const FolderKind& kind);

}  // namespace larkspur::readers
