// SPDX-License-Identifier: Apache-2.0
#include "readers/list/frame_names.h"

#include <charconv>
#include <set>
#include <string_view>
#include <system_error>

#include "readers/file_kind.h"
#include "readers/list/folder_walk.h"

namespace larkspur::readers {
namespace {

bool is_flow(std::string_view word) {
  return word.starts_with("flow_") || word == "x_" || word == "y_";
}

}  // namespace

std::optional<FrameName> frame_name(const std::string& file) {
  if (is_hidden(file) || !is_image_file(file)) return std::nullopt;
  const std::string stem = std::filesystem::path(file).stem().string();
  const std::size_t digits = stem.find_last_not_of("0123456789") + 1;  // 0 of none
  FrameName name{stem.substr(0, digits)};
  const char* const end = stem.data() + stem.size();
  const auto [last, error] = std::from_chars(stem.data() + digits, end, name.number);
  if (error != std::errc() || last != end || is_flow(name.word)) return std::nullopt;
  return name;
}

bool holds_frames(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  for (const std::filesystem::directory_iterator end; !error && at != end; at.increment(error)) {
    if (frame_name(at->path().filename().string())) return true;
  }
  return false;
}

std::vector<std::filesystem::path> frame_folders_below(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> folders;
  for (const std::filesystem::path& file : files_below(folder)) {
    if (frame_name(file.filename().string())) folders.insert(file.parent_path());
  }
  return {folders.begin(), folders.end()};
}

}  // namespace larkspur::readers
