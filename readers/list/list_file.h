// SPDX-License-Identifier: Apache-2.0
// The lines of list and label files, and the ways to take one as a path and a label.
//
// People's lists differ in all that does not matter: CRLF, CR, a byte order mark, blank lines,
// comments (a line that starts with #), what separates the fields. The label is the last field,
// because paths contain spaces.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace larkspur::readers {

/// One line with content, without blanks around it.
struct ListLine {
  std::int64_t number = 0;  ///< 1 for the first line of the file
  std::string text;
};

struct LabelledPath {
  std::string path;   ///< without quotes, not empty
  std::string label;  ///< likewise
};

/// All lines of a file that hold something. Throws kNotFound, kIo, ... naming the file; a file of
/// zero bytes is kCorruptData, one in UTF-16 or of another known format kInvalidArgument.
std::vector<ListLine> read_lines(const std::filesystem::path& path);

/// The same of bytes that were read.
std::vector<ListLine> lines_of(std::string_view bytes);

/// Every way to take a line as path and label, the best first: split at the last tab, at the last
/// comma, at the last space. Where the path is quoted ("..." with "" for a quote in it) there is
/// one way. Empty where the line has a single field.
std::vector<LabelledPath> splits_of(std::string_view line);

/// The fields of a line of comma-separated values; a quoted field may hold commas, and "" is a
/// quote in it. Blanks around fields are dropped.
std::vector<std::string> csv_fields(std::string_view line);

}  // namespace larkspur::readers
