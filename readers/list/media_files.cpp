// SPDX-License-Identifier: Apache-2.0
#include "readers/list/media_files.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/file_name.h"
#include "readers/format/cloud_file.h"
#include "readers/format/cloud_text.h"
#include "readers/list/cloud_list.h"
#include "readers/list/list_file.h"
#include "readers/list/video_list.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using readers::ListLine;

constexpr int kMostColumns = 6;  // of a list: path, frames, label, ...

bool has_media_name(const fs::path& path) {
  return readers::is_video_file(path) || readers::is_cloud_file(path);
}

// Text is both: clouds and lists of them end in .txt.
bool is_text(const fs::path& path) { return path.extension() == ".txt"; }

// What cannot be read is taken for a cloud: opening it then says what is wrong with that one file.
bool is_text_cloud(const fs::path& path) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 16;
  const auto start = readers::read_start(path, kMostBytes);
  if (!start.ok()) return true;
  for (const ListLine& line : readers::lines_of(start.value().view())) {
    if (!line.text.starts_with("//")) return readers::parse_cloud_text(line.text, "").ok();
  }
  return false;
}

std::vector<MediaFile> files_below(const fs::path& folder) {
  std::vector<MediaFile> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
    const fs::path& path = at->path();
    std::error_code ignored;
    if (!has_media_name(path) || !at->is_regular_file(ignored)) continue;
    if (!is_text(path) || is_text_cloud(path)) files.push_back({path.string(), path});
  }
  require(!error, Errc::kIo, folder.string(), ": ", error.message());
  std::sort(files.begin(), files.end(), [](const MediaFile& a, const MediaFile& b) {
    return a.path < b.path;
  });
  return files;
}

// The path in front of a label and of whatever other columns a list has.
std::optional<std::string> path_in(const std::string& text, int columns = kMostColumns) {
  const std::vector<readers::LabelledPath> splits = readers::splits_of(text);
  for (const readers::LabelledPath& split : splits) {
    if (has_media_name(split.path)) return split.path;
  }
  for (const readers::LabelledPath& split : splits) {
    if (columns == 0) break;
    if (auto path = path_in(split.path, columns - 1)) return path;
  }
  if (has_media_name(text)) return text;
  return std::nullopt;
}

std::vector<MediaFile> files_of(readers::SampleList list) {
  std::vector<MediaFile> files;
  for (readers::SampleEntry& entry : list.entries) {
    files.push_back({std::move(entry.name), std::move(entry.path)});
  }
  return files;
}

// A video whose extension no reader knows, say; no text has a zero byte.
bool is_binary(const std::vector<ListLine>& lines) {
  return std::any_of(lines.begin(), lines.end(), [](const ListLine& line) {
    return line.text.find('\0') != std::string::npos;
  });
}

std::vector<MediaFile> files_in_list(const std::vector<ListLine>& lines,
                                     const fs::path& list,
                                     const fs::path& root) {
  const bool names_files = std::any_of(lines.begin(), lines.end(), [](const ListLine& line) {
    return path_in(line.text).has_value();
  });
  readers::ListOptions options;
  options.list = list;
  options.root = root;
  if (readers::is_kinetics_list(lines)) return files_of(readers::read_video_list(options));
  if (!names_files) return files_of(readers::read_cloud_list(options));
  const fs::path start = root.empty() ? list.parent_path() : root;
  std::vector<MediaFile> files;
  for (const ListLine& line : lines) {
    const std::optional<std::string> path = path_in(line.text);
    if (!path && &line == &lines.front()) continue;  // names of columns
    const std::string name = path.value_or(line.text);
    files.push_back({name, start / name});
  }
  return files;
}

}  // namespace

MediaFiles find_media_files(const fs::path& path, const fs::path& root) {
  std::error_code error;
  MediaFiles result;
  const bool exists = fs::exists(path, error);
  if (fs::is_directory(path, error)) {
    result.files = files_below(path);
  } else if (has_media_name(path) && (!is_text(path) || !exists || is_text_cloud(path))) {
    return {{{path.string(), path}}, true};
  } else {
    require(exists, Errc::kNotFound, path.string(), ": not found");
    const std::vector<ListLine> lines = readers::read_lines(path);
    if (is_binary(lines)) return {{{path.string(), path}}, true};
    result.files = files_in_list(lines, path, root);
  }
  require(!result.files.empty(),
          Errc::kInvalidArgument,
          path.string(),
          ": holds no video and no cloud");
  return result;
}

}  // namespace larkspur::readers
