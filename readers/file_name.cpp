// SPDX-License-Identifier: Apache-2.0
#include "readers/file_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace larkspur::readers {
namespace {

constexpr std::array<std::string_view, 21> kVideoExtensions{
    ".mp4",  ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".ts",  ".mts",  ".m2ts", ".mpg",
    ".mpeg", ".3gp", ".3g2", ".wmv", ".asf",  ".ogv", ".mxf", ".vob", ".h264", ".hevc"};

}  // namespace

std::string lower_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

bool is_video_file(const std::filesystem::path& path) {
  const std::string extension = lower_extension(path);
  return std::find(kVideoExtensions.begin(), kVideoExtensions.end(), extension) !=
         kVideoExtensions.end();
}

bool is_wanted(const std::filesystem::path& path,
               const std::string& extension,
               bool (*is_of_kind)(const std::filesystem::path&)) {
  return extension.empty() ? is_of_kind(path) : path.extension() == extension;
}

bool is_hidden(const std::string& name) { return name.starts_with('.'); }

}  // namespace larkspur::readers
