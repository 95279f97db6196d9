// SPDX-License-Identifier: Apache-2.0
// Lists of `path label`, and the helpers that folder layouts share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "readers/list/class_names.h"
#include "readers/list/list_file.h"
#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Classes of a list that names none, at most.
inline constexpr std::int64_t kMostNumberedClasses = 65536;

/// A list file, and the folder its paths start at.
struct ListPlace {
  std::filesystem::path list;
  std::filesystem::path root;
};

/// Lines of a path and a label, in the order of the file: the label is a number or a class name and
/// the last field, since paths contain spaces. A first line like `path,label` is stepped over.
/// Throws kInvalidArgument naming list and line where a label is not in the map or out of range, or
/// a line has none. Without names, the numbers are the classes. Where every line is a path alone
/// (has_sample_name) samples have no label.
///
/// With several labels a line is a path and all labels of it, behind a tab, a comma or a blank, or
/// the path in quotes; between them any of `,;|`, or blanks between numbers.
SampleList read_labelled(const std::vector<ListLine>& lines,
                         const ListPlace& place,
                         const ClassNames& labels,
                         bool several_labels);

/// Whether every line is a path alone: nothing says what the samples show.
bool are_bare_paths(const std::vector<ListLine>& lines);

/// "lists/train.csv:12", for messages.
std::string place_of(const std::filesystem::path& list, const ListLine& line);

/// The file that a list names. One with backslashes that is not there has them as Windows does,
/// between folders.
std::filesystem::path path_below(const std::filesystem::path& root, const std::string& name);

/// Whether a line, the first of a list, names columns, like `path,label`.
bool is_header(const ListLine& line);

/// The number that a label is, or nothing.
std::optional<std::int64_t> number_of(const std::string& text);

/// The list file of `options` and the folder its paths start at. Throws kNotFound naming the one
/// that is not there.
ListPlace find_list(const ListOptions& options);

}  // namespace larkspur::readers
