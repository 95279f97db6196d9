// SPDX-License-Identifier: Apache-2.0
#include "readers/list/labelled_list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/list/folder_walk.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::text_of;

constexpr std::array<std::string_view, 3> kHeaderWords{"label", "class", "category"};

std::int64_t most_classes(const ClassNames& labels) {
  return labels.is_empty() ? kMostNumberedClasses : std::ssize(labels.names());
}

// The label that a word stands for, a class name or a number; nothing where it is neither.
std::optional<std::int64_t> label_of(const std::string& word,
                                     const ClassNames& labels,
                                     const std::string& place) {
  if (const auto label = labels.find(word)) return label;
  const auto label = number_of(word);
  if (!label) return std::nullopt;
  require(*label >= 0 && *label < most_classes(labels),
          Errc::kInvalidArgument,
          place,
          ": label ",
          *label,
          " is not in [0, ",
          most_classes(labels),
          ")");
  return label;
}

Error no_label(const std::string& place, const std::string& word, const ClassNames& labels) {
  return {Errc::kInvalidArgument,
          text_of(place,
                  ": label '",
                  word,
                  labels.is_empty() ? "' is not a number, and no labels name the classes"
                                    : "' is not a class of " + labels.file().string())};
}

// The first split whose label is a class name or a number.
std::pair<std::string, std::int64_t> labelled(const ListLine& line,
                                              const ClassNames& labels,
                                              const fs::path& list) {
  const std::vector<LabelledPath> splits = splits_of(line.text);
  require(!splits.empty(),
          Errc::kInvalidArgument,
          place_of(list, line),
          ": expected a path and a label, found '",
          line.text,
          "'");
  for (const LabelledPath& split : splits) {
    if (const auto label = label_of(split.label, labels, place_of(list, line))) {
      return {split.path, *label};
    }
  }
  throw no_label(place_of(list, line), splits.back().label, labels);
}

// A path up to the first separator behind a known ending, else up to the first one.
std::size_t end_of_path(const std::string& text) {
  constexpr std::string_view kSeparators = "\t,; ";
  for (std::size_t at = text.find_first_of(kSeparators); at != std::string::npos;
       at = text.find_first_of(kSeparators, at + 1)) {
    if (has_sample_name(text.substr(0, at))) return at;
  }
  return std::min(text.find_first_of(kSeparators), text.size());
}

std::vector<std::string> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find_first_of(separators), text.size());
    std::string word(text.substr(0, length));
    std::erase(word, '"');
    const std::size_t first = word.find_first_not_of(' ');
    if (first != std::string::npos) {
      words.push_back(word.substr(first, word.find_last_not_of(' ') - first + 1));
    }
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return words;
}

SampleEntry entry_of_several(const ListLine& line,
                             const ListPlace& place,
                             const ClassNames& names) {
  const std::string where = place_of(place.list, line);
  const bool is_quoted = line.text.starts_with('"');
  const std::size_t end =
      is_quoted ? std::min(line.text.find('"', 1), line.text.size()) : end_of_path(line.text);
  const std::string path = line.text.substr(is_quoted ? 1 : 0, is_quoted ? end - 1 : end);
  const std::string rest = line.text.substr(std::min(end + 1, line.text.size()));
  std::vector<std::int64_t> found;
  for (const std::string& word : words_of(rest, "\t,;|")) {
    if (const auto label = label_of(word, names, where)) {
      found.push_back(*label);
      continue;
    }
    for (const std::string& part : words_of(word, " ")) {
      const auto label = label_of(part, names, where);
      if (!label) throw no_label(where, part, names);
      found.push_back(*label);
    }
  }
  require(!found.empty(), Errc::kInvalidArgument, where, ": no label behind '", path, "'");
  SampleEntry entry{path, path_below(place.root, path), found.front()};
  for (std::size_t i = 1; i < found.size(); ++i) {
    if (std::find(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(i), found[i]) ==
        found.begin() + static_cast<std::ptrdiff_t>(i)) {
      entry.more_labels.push_back(found[i]);
    }
  }
  return entry;
}

}  // namespace

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && last == end ? std::optional(value) : std::nullopt;
}

fs::path path_below(const fs::path& root, const std::string& name) {
  std::error_code error;
  if (name.find('\\') == std::string::npos || fs::exists(root / name, error)) return root / name;
  std::string slashes = name;
  std::replace(slashes.begin(), slashes.end(), '\\', '/');
  return root / slashes;
}

bool is_header(const ListLine& line) {
  const std::vector<LabelledPath> splits = splits_of(line.text);
  if (splits.empty()) return false;
  std::string last = splits.back().label;
  for (char& c : last) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kHeaderWords.begin(), kHeaderWords.end(), last) != kHeaderWords.end();
}

bool are_bare_paths(const std::vector<ListLine>& lines) {
  return std::all_of(
      lines.begin(), lines.end(), [](const auto& line) { return has_sample_name(line.text); });
}

SampleList read_labelled(const std::vector<ListLine>& lines,
                         const ListPlace& place,
                         const ClassNames& labels,
                         bool several_labels) {
  SampleList result;
  std::int64_t classes = 0;
  const bool is_bare = are_bare_paths(lines);
  for (const ListLine& line : lines) {
    if (&line == &lines.front() && is_header(line)) continue;
    if (is_bare) {
      result.entries.push_back({line.text, path_below(place.root, line.text), kNoLabel});
    } else if (several_labels) {
      result.entries.push_back(entry_of_several(line, place, labels));
    } else {
      const auto [path, label] = labelled(line, labels, place.list);
      result.entries.push_back({path, path_below(place.root, path), label});
    }
    for (const std::int64_t label : result.entries.back().all_labels()) {
      classes = std::max(classes, label + 1);
    }
  }
  result.classes = labels.names();
  for (std::int64_t i = 0; labels.is_empty() && i < classes; ++i) {
    result.classes.push_back(text_of(i));
  }
  return result;
}

std::string place_of(const fs::path& list, const ListLine& line) {
  return text_of(list.string(), ":", line.number);
}

ListPlace find_list(const ListOptions& options) {
  const fs::path list = options.list.empty() ? options.root : options.list;
  std::error_code error;
  require(fs::exists(list, error), Errc::kNotFound, "list ", list.string(), ": not found");
  const fs::path beside = list.has_parent_path() ? list.parent_path() : fs::path(".");
  const fs::path root = options.root.empty() ? beside : options.root;
  require(is_folder(root), Errc::kNotFound, "root ", root.string(), ": not found");
  return {list, root};
}

}  // namespace larkspur::readers
