// SPDX-License-Identifier: Apache-2.0
#include "readers/video_list.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "pipeline/require.h"
#include "readers/labelled_list.h"
#include "readers/video_file.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr std::array<std::string_view, 4> kExtensions{".mp4", ".mkv", ".webm", ".avi"};

bool is_wanted(const fs::path& file, const std::string& extension) {
  return extension.empty() ? is_video_file(file) : file.extension() == extension;
}

std::vector<std::string> folders_in(const fs::path& root) {
  std::vector<std::string> folders = sorted_names(root);
  std::erase_if(folders, [&](const std::string& name) { return !is_folder(root / name); });
  return folders;
}

SampleList read_folder(const fs::path& root, const ListOptions& options) {
  const fs::path split = root / options.split;
  const fs::path top = is_folder(split) ? split : root;
  const std::vector<std::string> folders = folders_in(top);
  const ClassNames classes =
      options.labels.empty() ? ClassNames::sorted(folders) : ClassNames(options.labels);
  SampleList list;
  list.classes = classes.names();
  for (const std::string& folder : folders) {
    const std::optional<std::int64_t> label = classes.find(folder);
    require(label.has_value(),
            Errc::kInvalidArgument,
            (top / folder).string(),
            ": not a class of ",
            classes.file().string());
    for (const std::string& file : sorted_names(top / folder)) {
      if (!is_wanted(file, options.extension)) continue;
      list.entries.push_back({folder + "/" + file, top / folder / file, *label});
    }
  }
  require(!list.entries.empty(),
          Errc::kNotFound,
          top.string(),
          ": no video in any folder of a class, ",
          options.split,
          "/<class>/<video> or <class>/<video>");
  return list;
}

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

/// Where the videos lie, by the first one that is there.
struct Pattern {
  bool by_split = false;
  bool by_class = false;
  bool underscores = false;
  std::string extension;

  std::string name(const Annotation& clip) const {
    std::string folder = clip.label;
    if (underscores) std::replace(folder.begin(), folder.end(), ' ', '_');
    return (by_split ? clip.split + "/" : "") + (by_class ? folder + "/" : "") + clip.stem() +
           extension;
  }
};

std::vector<Pattern> patterns_of(const std::string& extension) {
  std::vector<Pattern> patterns;
  const auto add = [&](std::string_view known) {
    for (const bool by_split : {true, false}) {
      patterns.push_back({by_split, true, false, std::string(known)});
      patterns.push_back({by_split, true, true, std::string(known)});
      patterns.push_back({by_split, false, false, std::string(known)});
    }
  };
  if (!extension.empty()) add(extension);
  if (extension.empty()) std::for_each(kExtensions.begin(), kExtensions.end(), add);
  return patterns;
}

Pattern find_pattern(const std::vector<Annotation>& clips,
                     const fs::path& root,
                     const std::string& extension) {
  const std::vector<Pattern> patterns = patterns_of(extension);
  for (const Annotation& clip : clips) {
    for (const Pattern& pattern : patterns) {
      std::error_code error;
      if (fs::exists(root / pattern.name(clip), error)) return pattern;
    }
  }
  return patterns.front();
}

SampleList read_kinetics(const std::vector<ListLine>& lines,
                         const Columns& columns,
                         const ListPlace& place,
                         const ListOptions& options) {
  require(columns.label >= 0,
          Errc::kInvalidArgument,
          place_of(place.list, lines.front()),
          ": a Kinetics list without the column 'label' can be neither trained nor scored on");
  std::vector<Annotation> clips;
  std::vector<std::string> names;
  for (const ListLine& line : lines) {
    if (&line == &lines.front()) continue;
    clips.push_back(annotation_of(line, columns, place.list));
    names.push_back(clips.back().label);
  }
  const ClassNames classes =
      options.labels.empty() ? ClassNames::sorted(names) : ClassNames(options.labels);
  const Pattern pattern = find_pattern(clips, place.root, options.extension);
  SampleList list;
  list.classes = classes.names();
  for (const Annotation& clip : clips) {
    const std::optional<std::int64_t> label = classes.find(clip.label);
    require(label.has_value(),
            Errc::kInvalidArgument,
            text_of(place.list.string(), ":", clip.line),
            ": '",
            clip.label,
            "' is not a class of ",
            classes.file().string());
    const std::string name = pattern.name(clip);
    list.entries.push_back({name, place.root / name, *label});
  }
  return list;
}

}  // namespace

SampleList read_video_list(const ListOptions& options) {
  const fs::path folder = options.list.empty() ? options.root : options.list;
  if (is_folder(folder)) return read_folder(folder, options);
  const ListPlace place = find_list(options);
  const std::vector<ListLine> lines = read_lines(place.list);
  const auto columns = lines.empty() ? std::nullopt : kinetics_columns(lines.front().text);
  SampleList list = columns
                        ? read_kinetics(lines, *columns, place, options)
                        : read_labelled(lines, place.list, place.root, ClassNames(options.labels));
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
