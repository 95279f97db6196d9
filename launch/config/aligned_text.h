// SPDX-License-Identifier: Apache-2.0
// Rows of words as columns of a terminal, or as a table of Markdown.
#pragma once

#include <string>
#include <vector>

namespace larkspur::launch {

/// The first row is the heading; all rows have as many cells as it.
using TextRows = std::vector<std::vector<std::string>>;

/// Two blanks between columns, none at the end of a line.
std::string aligned_text(const TextRows& rows);

/// "| a | b |" a row.
std::string markdown_text(const TextRows& rows);

}  // namespace larkspur::launch
