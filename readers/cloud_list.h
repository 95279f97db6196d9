// SPDX-License-Identifier: Apache-2.0
// Which clouds there are and what they show: the layouts in which people keep ModelNet-40.
//
//   folder      <root>/<class>/<split>/<class>_0001.off        (or what cloud_file.h reads)
//   list file   chair/train/chair_0001.npy 8                   path, then a number or class name
//   id list     modelnet40_train.txt: night_stand_0001         class up to the last underscore;
//               modelnet40_shape_names.txt beside it           <root>/<class>/<id>.txt
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace larkspur::readers {

/// One sample. The file need not exist: that shows when it is read.
struct CloudEntry {
  std::string name;            ///< path below the root, as the list has it
  std::filesystem::path path;  ///< where to open it
  std::int64_t label = 0;      ///< [0, classes)
};

/// At least one entry, in the list's order (folders: by class, then by file name); duplicates kept.
struct CloudList {
  std::vector<CloudEntry> entries;
  std::vector<std::string>
      classes;  ///< name of each label; "0", "1", ... where only numbers are known
};

struct CloudListOptions {
  /// A list file of either form, or a folder. Empty: root is the folder.
  std::filesystem::path list{};

  /// Folder that the paths of a list start at. Empty: the list's own folder.
  std::filesystem::path root{};

  /// File of one class name a line, in label order. Empty: class folders are sorted by name, an id
  /// list takes the shape names beside it, other lists must have numbers.
  std::filesystem::path labels{};

  /// Which subfolder of each class a folder is read from. An id list says itself (_train, _test).
  std::string split = "train";

  /// Extension of the files in a folder or behind ids, with its dot. Empty: the one that is there.
  std::string extension{};
};

/// Reads the list; opens no sample. A first line like `path,label` is stepped over.
/// Throws kNotFound naming the list, root, labels or shape names that is not there;
/// kInvalidArgument naming list and line where a label is not in the map or a line has no label,
/// naming the folder where it holds several kinds of files or a class that the labels lack, and for
/// an empty list.
CloudList read_cloud_list(const CloudListOptions& options);

}  // namespace larkspur::readers
