// SPDX-License-Identifier: Apache-2.0
#include "readers/list/media_files.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/file_kind.h"
#include "readers/list/cloud_list.h"
#include "readers/list/folder_walk.h"
#include "readers/list/frame_list.h"
#include "readers/list/frame_names.h"
#include "readers/list/labelled_list.h"
#include "readers/list/list_file.h"
#include "readers/list/video_list.h"
#include "readers/text_scanner.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

constexpr int kMostColumns = 6;  // of a list: path, frames, label, ...

bool has_media_name(const fs::path& path) { return has_sample_name(path) || is_pack_file(path); }

bool has_zero_byte(std::string_view bytes) { return bytes.find('\0') != std::string_view::npos; }

// Fields that are numbers, also such as no cloud may hold, and all fields of a line.
struct FieldCount {
  int numbers = 0;
  int all = 0;
  bool starts_with_number = false;
};

FieldCount count_fields(std::string_view line) {
  TextScanner scan(line);
  FieldCount count;
  for (scan.skip_blanks(); !scan.at_line_end(); scan.skip_separator()) {
    double ignored = 0.0;
    const bool is_number = scan.number(ignored) || scan.skip_word("nan") || scan.skip_word("inf");
    while (!is_number && !scan.at_line_end() && scan.peek() != ' ' && scan.peek() != '\t' &&
           scan.peek() != ',' && scan.peek() != ';') {
      scan.skip_byte();
    }
    if (count.all++ == 0) count.starts_with_number = is_number;
    count.numbers += is_number ? 1 : 0;
  }
  return count;
}

// Whether most lines look like points, be they whole or broken: then it is a cloud, and opening it
// says what is wrong. `0 chair` is a line of names.
bool is_of_numbers(std::string_view start) {
  std::int64_t balance = 0;
  for (const ListLine& line : lines_of(start)) {
    if (line.text.starts_with("//")) continue;
    const FieldCount count = count_fields(line.text);
    const bool is_point = count.starts_with_number && (count.numbers > 1 || count.all == 1);
    balance += is_point ? 1 : -1;
  }
  return balance > 0;
}

// Text is both: clouds and lists of them end in .txt. What cannot be read is taken for a sample:
// opening it then says what is wrong with that one file.
bool is_list_or_notes(const fs::path& path) {
  const auto start = read_start(path, kKindBytes);
  if (!start.ok()) return false;
  const std::string_view bytes = start.value().view();
  return kind_of_bytes(bytes) == FileKind::kUnknown && !has_zero_byte(bytes) &&
         !is_of_numbers(bytes);
}

bool ends_as_txt(const fs::path& path) { return lower_extension(path) == ".txt"; }

// As training takes them, of all classes and splits: deeper than the folder itself, where lists lie
// beside the class folders, every .txt is a sample.
// Pictures count where there is nothing else: thumbnails beside videos are no samples.
std::vector<MediaFile> samples_below(const fs::path& folder) {
  std::vector<MediaFile> files;
  std::vector<MediaFile> pictures;
  for (const fs::path& path : files_below(folder)) {
    if (!has_media_name(path)) continue;
    const bool is_top = path == folder / path.filename();
    if (is_top && ends_as_txt(path) && is_list_or_notes(path)) continue;
    (is_image_file(path) ? pictures : files).push_back({path.string(), path, {}});
  }
  return files.empty() ? pictures : files;
}

// The path in front of a label and of whatever other columns a list has.
std::optional<std::string> path_in(const std::string& text, int columns = kMostColumns) {
  const std::vector<LabelledPath> splits = splits_of(text);
  for (const LabelledPath& split : splits) {
    if (has_media_name(split.path)) return split.path;
  }
  for (const LabelledPath& split : splits) {
    if (columns == 0) break;
    if (auto path = path_in(split.path, columns - 1)) return path;
  }
  if (has_media_name(text)) return text;
  return std::nullopt;
}

std::vector<MediaFile> files_of(SampleList list) {
  std::vector<MediaFile> files;
  for (SampleEntry& entry : list.entries) {
    files.push_back({std::move(entry.name), std::move(entry.path), entry.frames});
  }
  return files;
}

// Of a line that names no file of a known ending, what stands in front of a number.
std::optional<std::string> path_of(const ListLine& line) {
  if (auto path = path_in(line.text)) return path;
  for (const LabelledPath& split : splits_of(line.text)) {
    if (number_of(split.label)) return split.path;
  }
  return std::nullopt;
}

std::vector<MediaFile> files_in_list(const std::vector<ListLine>& lines,
                                     const fs::path& list,
                                     const fs::path& root) {
  const bool names_files = std::any_of(lines.begin(), lines.end(), [](const ListLine& line) {
    return path_in(line.text).has_value();
  });
  ListOptions options;
  options.list = list;
  options.root = root;
  if (is_kinetics_list(lines)) return files_of(read_video_list(options));
  const fs::path start = root.empty() ? list.parent_path() : root;
  options.several_labels = has_several_labels(lines, start);
  if (is_frame_list(lines, start, options.several_labels)) {
    return files_of(read_video_list(options));
  }
  if (!names_files) return files_of(read_cloud_list(options));
  std::vector<MediaFile> files;
  for (const ListLine& line : lines) {
    const std::optional<std::string> path = path_of(line);
    if (!path && &line == &lines.front()) continue;  // names of columns
    const std::string name = path.value_or(line.text);
    files.push_back({name, path_below(start, name), {}});
  }
  return files;
}

// What somebody names is a file itself unless it is a text of paths.
bool is_file_itself(const fs::path& path) {
  if (kind_of_name(path) != FileKind::kUnknown && !ends_as_txt(path)) return true;
  const auto start = read_start(path, kKindBytes);
  if (!start.ok()) return ends_as_txt(path);
  const std::string_view bytes = start.value().view();
  if (kind_of_bytes(bytes) != FileKind::kUnknown || has_zero_byte(bytes)) return true;
  return ends_as_txt(path) && is_of_numbers(bytes);
}

}  // namespace

MediaFiles find_media_files(const fs::path& path, const fs::path& root) {
  MediaFiles result;
  if (is_folder(path)) {
    result.files = samples_below(path);
  } else if (is_file_itself(path)) {
    return {{{path.string(), path, {}}}, true};
  } else {
    std::error_code error;
    require(fs::exists(path, error), Errc::kNotFound, path.string(), ": not found");
    result.files = files_in_list(read_lines(path), path, root);
  }
  require(!result.files.empty(),
          Errc::kInvalidArgument,
          path.string(),
          ": holds no video, no cloud and no picture");
  return result;
}

std::vector<MediaFile> videos_below(const fs::path& folder) {
  std::vector<MediaFile> videos;
  const auto add = [&](const fs::path& path) { videos.push_back({path.string(), path, {}}); };
  for (const fs::path& path : files_below(folder)) {
    if (is_video_file(path)) add(path);
  }
  if (videos.empty()) {
    for (const fs::path& path : frame_folders_below(folder)) add(path);
  }
  return videos;
}

}  // namespace larkspur::readers
