// SPDX-License-Identifier: Apache-2.0
#include "launch/config/aligned_text.h"

#include <algorithm>

namespace larkspur::launch {

std::string aligned_text(const TextRows& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string markdown_text(const TextRows& rows) {
  std::string text;
  for (const auto& row : rows) {
    text += "|";
    for (const std::string& cell : row) text += " " + cell + " |";
    text += "\n";
    if (&row != &rows.front()) continue;
    text += "|";
    for (std::size_t i = 0; i < row.size(); ++i) text += "---|";
    text += "\n";
  }
  return text;
}

}  // namespace larkspur::launch
