// SPDX-License-Identifier: Apache-2.0
#include "readers/list/video_list.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/list/class_folders.h"
#include "readers/list/folder_walk.h"
#include "readers/list/frame_list.h"
#include "readers/list/frame_names.h"
#include "readers/list/labelled_list.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

/// One line of a Kinetics annotation file.
struct Annotation {
  std::int64_t line = 0;
  std::string label;
  std::string id;     ///< of the source video
  std::string start;  ///< seconds, as the file name has them
  std::string end;
  std::string split;

  std::string stem() const { return id + "_" + start + "_" + end; }
};

/// Which column holds what; -1: none.
struct Columns {
  std::ptrdiff_t label = -1, id = -1, start = -1, end = -1, split = -1;
};

std::optional<Columns> kinetics_columns(const std::string& header) {
  const std::vector<std::string> names = csv_fields(header);
  const auto column = [&](std::string_view name) -> std::ptrdiff_t {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? -1 : found - names.begin();
  };
  const Columns columns{column("label"),
                        column("youtube_id"),
                        column("time_start"),
                        column("time_end"),
                        column("split")};
  if (columns.id < 0 || columns.start < 0 || columns.end < 0) return std::nullopt;
  return columns;
}

// Seconds as file names have them: 6 digits, the fraction dropped.
std::optional<std::string> six_digits(const std::string& seconds) {
  std::int64_t value = 0;
  const char* const last = seconds.data() + seconds.size();
  const auto [end, error] = std::from_chars(seconds.data(), last, value);
  if (error != std::errc() || value < 0 || (end != last && *end != '.')) return std::nullopt;
  const std::string digits = std::to_string(value);
  return std::string(6 - std::min<std::size_t>(6, digits.size()), '0') + digits;
}

Annotation annotation_of(const ListLine& line, const Columns& columns, const fs::path& list) {
  const std::vector<std::string> fields = csv_fields(line.text);
  const auto field = [&](std::ptrdiff_t column) -> std::string {
    if (column < 0) return {};
    require(column < std::ssize(fields),
            Errc::kInvalidArgument,
            place_of(list, line),
            ": ",
            fields.size(),
            " fields, fewer than the header");
    return fields[static_cast<std::size_t>(column)];
  };
  const auto start = six_digits(field(columns.start));
  const auto end = six_digits(field(columns.end));
  require(start && end,
          Errc::kInvalidArgument,
          place_of(list, line),
          ": time_start and time_end are not seconds: '",
          field(columns.start),
          "', '",
          field(columns.end),
          "'");
  return {line.number, field(columns.label), field(columns.id), *start, *end, field(columns.split)};
}

/// In which folder of the root a clip lies.
struct Pattern {
  bool by_split = false;
  bool by_class = false;
  bool underscores = false;

  fs::path folder(const Annotation& clip) const {
    std::string name = clip.label;
    if (underscores) std::replace(name.begin(), name.end(), ' ', '_');
    return fs::path(by_split ? clip.split : "") / (by_class ? name : "");
  }
};

/// The videos of folders by their names without extension; every folder is read once.
class VideoFolders {
 public:
  VideoFolders(fs::path root, std::string extension)
      : root_(std::move(root)), extension_(std::move(extension)) {}

  /// The video of that stem below the root; of several the first by name, nullptr where none is.
  const fs::path* find(const fs::path& folder, const std::string& stem) {
    const auto [known, is_new] = folders_.try_emplace(folder.string());
    if (is_new && is_folder(root_ / folder)) {
      for (const std::string& name : samples_in(root_ / folder, extension_, is_video_file)) {
        known->second.try_emplace(fs::path(name).stem().string(), root_ / folder / name);
      }
    }
    const auto found = known->second.find(stem);
    return found == known->second.end() ? nullptr : &found->second;
  }

 private:
  fs::path root_;
  std::string extension_;
  std::map<std::string, std::unordered_map<std::string, fs::path>> folders_;
};

// The one of the first clip that is there.
Pattern find_pattern(const std::vector<Annotation>& clips, bool has_splits, VideoFolders& folders) {
  std::vector<Pattern> patterns;
  for (const bool by_split : {true, false}) {
    if (by_split && !has_splits) continue;
    patterns.insert(patterns.end(),
                    {{by_split, true, false}, {by_split, true, true}, {by_split, false, false}});
  }
  for (const Annotation& clip : clips) {
    for (const Pattern& pattern : patterns) {
      if (folders.find(pattern.folder(clip), clip.stem()) != nullptr) return pattern;
    }
  }
  return patterns.front();
}

SampleList read_kinetics(const std::vector<ListLine>& lines,
                         const Columns& columns,
                         const ListPlace& place,
                         const ListOptions& options) {
  const bool has_labels = columns.label >= 0;
  std::vector<Annotation> clips;
  std::vector<std::string> names;
  for (const ListLine& line : lines) {
    if (&line == &lines.front()) continue;
    clips.push_back(annotation_of(line, columns, place.list));
    if (has_labels) names.push_back(clips.back().label);
  }
  const ClassNames classes =
      options.labels.empty() ? ClassNames::sorted(names) : ClassNames(options.labels);
  VideoFolders folders(place.root, options.extension);
  const Pattern pattern = find_pattern(clips, columns.split >= 0, folders);
  const std::string usual = options.extension.empty() ? ".mp4" : options.extension;
  SampleList list;
  list.classes = classes.names();
  for (const Annotation& clip : clips) {
    const std::optional<std::int64_t> label =
        has_labels ? classes.find(clip.label) : std::optional(kNoLabel);
    require(label.has_value(),
            Errc::kInvalidArgument,
            text_of(place.list.string(), ":", clip.line),
            ": '",
            clip.label,
            "' is not a class of ",
            classes.file().string());
    const fs::path folder = pattern.folder(clip);
    const fs::path* const found = folders.find(folder, clip.stem());
    // The name is the list's own: it stays when files come, go or are encoded anew.
    list.entries.push_back({(has_labels ? clip.label + "/" : "") + clip.stem(),
                            found ? *found : place.root / folder / (clip.stem() + usual),
                            *label});
  }
  return list;
}

SampleList read_paths(const std::vector<ListLine>& lines,
                      const ListPlace& place,
                      const ListOptions& options) {
  const ClassNames labels(options.labels);
  if (is_frame_list(lines, place.root, options.several_labels)) {
    return read_frame_list(lines, place, labels, options.several_labels);
  }
  return read_labelled(lines, place, labels, options.several_labels);
}

}  // namespace

SampleList read_video_list(const ListOptions& options) {
  const fs::path folder = options.list.empty() ? options.root : options.list;
  if (is_folder(folder)) {
    return read_class_folders(folder, options, {is_video_file, "video", holds_frames});
  }
  const ListPlace place = find_list(options);
  const std::vector<ListLine> lines = read_lines(place.list);
  const auto columns = lines.empty() ? std::nullopt : kinetics_columns(lines.front().text);
  SampleList list =
      columns ? read_kinetics(lines, *columns, place, options) : read_paths(lines, place, options);
  require(!list.entries.empty(),
          Errc::kInvalidArgument,
          "list ",
          place.list.string(),
          ": holds no sample");
  return list;
}

bool is_kinetics_list(const std::vector<ListLine>& lines) {
  return !lines.empty() && kinetics_columns(lines.front().text).has_value();
}

}  // namespace larkspur::readers
