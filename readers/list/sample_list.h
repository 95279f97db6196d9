// SPDX-License-Identifier: Apache-2.0
// What a list of samples comes down to, whatever layout it was read from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/sample.h"

namespace larkspur::readers {

using pipeline::kNoLabel;

/// One sample. The file need not exist: that shows when it is read.
struct SampleEntry {
  std::string name;            ///< as the list has it: a path below the root, or a clip of Kinetics
  std::filesystem::path path;  ///< where to open it
  std::int64_t label = 0;      ///< [0, classes), or kNoLabel
  std::optional<std::int64_t> row{};  ///< place in a pack (cloud_pack.h); none: the whole file

  std::vector<std::int64_t> more_labels{};  ///< of a sample that shows several classes
  std::optional<std::int64_t>
      frames{};  ///< of a folder of pictures that the list takes the first of

  std::vector<std::int64_t> all_labels() const {
    std::vector<std::int64_t> all{label};
    all.insert(all.end(), more_labels.begin(), more_labels.end());
    return all;
  }

  /// What no two different samples share: the path, "pack.h5#17" of one in a pack.
  std::string place() const {
    return row ? path.string() + "#" + std::to_string(*row) : path.string();
  }
};

/// At least one entry, in the list's order (folders: by class, then by file name); duplicates kept.
struct SampleList {
  std::vector<SampleEntry> entries;
  /// Name of each label; "0", "1", ... where only numbers are known.
  std::vector<std::string> classes;
  bool several_labels = false;  ///< samples may show several classes at once

  /// All of a list have labels, or none.
  bool is_labelled() const { return entries.empty() || entries.front().label != kNoLabel; }
};

/// Where a list is and how its labels are named; what each layout makes of them is in cloud_list.h
/// and video_list.h.
struct ListOptions {
  std::filesystem::path list{};    ///< a list file or a folder; empty: root is the folder
  std::filesystem::path root{};    ///< folder that paths start at; empty: the list's own folder
  std::filesystem::path labels{};  ///< file of one class name a line, in label order; may be empty
  std::string split = "train";     ///< which subfolder of a folder layout
  std::string extension{};         ///< with its dot; empty: the one that is there
  bool several_labels = false;     ///< list files name all classes of a sample behind its path
};

}  // namespace larkspur::readers
