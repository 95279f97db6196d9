// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud_list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "pipeline/require.h"
#include "readers/cloud_file.h"
#include "readers/list_file.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::text_of;

constexpr std::int64_t kMostNumberedClasses = 65536;
constexpr std::array<std::string_view, 6> kIdExtensions{
    ".txt", ".npy", ".off", ".ply", ".pcd", ".xyz"};
constexpr std::array<std::string_view, 3> kHeaderWords{"label", "class", "category"};

// Class names and the label of each.
class LabelMap {
 public:
  LabelMap() = default;

  explicit LabelMap(const fs::path& file) : file_(file) {
    std::error_code error;
    require(fs::exists(file, error), Errc::kNotFound, "labels ", file.string(), ": not found");
    for (const ListLine& line : read_lines(file)) {
      const bool is_new = labels_.emplace(line.text, std::ssize(names_)).second;
      require(is_new,
              Errc::kInvalidArgument,
              file.string(),
              ":",
              line.number,
              ": class '",
              line.text,
              "' a second time");
      names_.push_back(line.text);
    }
    require(!names_.empty(), Errc::kInvalidArgument, file.string(), ": names no class");
  }

  bool is_empty() const { return names_.empty(); }
  const std::vector<std::string>& names() const { return names_; }
  const fs::path& file() const { return file_; }

  std::optional<std::int64_t> find(const std::string& name) const {
    const auto found = labels_.find(name);
    return found == labels_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  fs::path file_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int64_t> labels_;
};

LabelMap labels_of(const CloudListOptions& options) {
  return options.labels.empty() ? LabelMap() : LabelMap(options.labels);
}

std::vector<std::string> sorted_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  require(!error, Errc::kIo, folder.string(), ": ", error.message());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// A folder of a class has one for a split in it; others lie beside real data sets too.
std::vector<std::string> class_folders(const fs::path& root, const std::string& split) {
  std::vector<std::string> folders;
  for (const std::string& name : sorted_names(root)) {
    const fs::path folder = root / name;
    if (is_folder(folder / split) || is_folder(folder / "train") || is_folder(folder / "test")) {
      folders.push_back(name);
    }
  }
  return folders;
}

bool is_wanted(const std::string& name, const std::string& extension) {
  const fs::path file(name);
  return extension.empty() ? is_cloud_file(file) : file.extension() == extension;
}

CloudList read_folder(const fs::path& root, const CloudListOptions& options) {
  const LabelMap labels = labels_of(options);
  CloudList list;
  list.classes = labels.is_empty() ? class_folders(root, options.split) : labels.names();
  std::set<std::string> extensions;
  std::int64_t place = 0;
  for (const std::string& folder : class_folders(root, options.split)) {
    const std::optional<std::int64_t> label = labels.is_empty() ? place++ : labels.find(folder);
    require(label.has_value(),
            Errc::kInvalidArgument,
            (root / folder).string(),
            ": not a class of ",
            labels.file().string());
    const fs::path where = root / folder / options.split;
    if (!is_folder(where)) continue;
    for (const std::string& file : sorted_names(where)) {
      if (!is_wanted(file, options.extension)) continue;
      extensions.insert(fs::path(file).extension().string());
      list.entries.push_back(
          {(fs::path(folder) / options.split / file).string(), where / file, *label});
    }
  }
  require(extensions.size() < 2,
          Errc::kInvalidArgument,
          root.string(),
          ": holds ",
          extensions.empty() ? "" : *extensions.begin(),
          " and ",
          extensions.empty() ? "" : *extensions.rbegin(),
          " files, expected one kind or a choice");
  require(!list.entries.empty(),
          Errc::kNotFound,
          root.string(),
          ": no cloud in any <class>/",
          options.split);
  return list;
}

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && last == end ? std::optional(value) : std::nullopt;
}

// A list file's name and line, for messages.
std::string place_of(const fs::path& list, const ListLine& line) {
  return text_of(list.string(), ":", line.number);
}

bool is_header(const ListLine& line) {
  const std::vector<LabelledPath> splits = splits_of(line.text);
  if (splits.empty()) return false;
  std::string last = splits.back().label;
  for (char& c : last) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kHeaderWords.begin(), kHeaderWords.end(), last) != kHeaderWords.end();
}

// The first split whose label is a class name or a number.
std::pair<std::string, std::int64_t> labelled(const ListLine& line,
                                              const LabelMap& labels,
                                              const fs::path& list) {
  const std::vector<LabelledPath> splits = splits_of(line.text);
  require(!splits.empty(),
          Errc::kInvalidArgument,
          place_of(list, line),
          ": expected a path and a label, found '",
          line.text,
          "'");
  const std::int64_t classes =
      labels.is_empty() ? kMostNumberedClasses : std::ssize(labels.names());
  for (const LabelledPath& split : splits) {
    if (const auto label = labels.find(split.label)) return {split.path, *label};
    const auto label = number_of(split.label);
    if (!label) continue;
    require(*label >= 0 && *label < classes,
            Errc::kInvalidArgument,
            place_of(list, line),
            ": label ",
            *label,
            " is not in [0, ",
            classes,
            ")");
    return {split.path, *label};
  }
  throw Error(Errc::kInvalidArgument,
              text_of(place_of(list, line),
                      ": label '",
                      splits.back().label,
                      labels.is_empty() ? "' is not a number, and no labels name the classes"
                                        : "' is not a class of " + labels.file().string()));
}

CloudList read_labelled(const std::vector<ListLine>& lines,
                        const fs::path& list,
                        const fs::path& root,
                        const LabelMap& labels) {
  CloudList result;
  std::int64_t classes = 0;
  for (const ListLine& line : lines) {
    if (&line == &lines.front() && is_header(line)) continue;
    const auto [path, label] = labelled(line, labels, list);
    result.entries.push_back({path, root / path, label});
    classes = std::max(classes, label + 1);
  }
  result.classes = labels.names();
  for (std::int64_t i = 0; labels.is_empty() && i < classes; ++i) {
    result.classes.push_back(text_of(i));
  }
  return result;
}

// Where the files behind ids lie, <class>/<between><id><extension>, by the first one that is there.
struct IdPattern {
  std::string between;
  std::string extension;

  std::string name(const std::string& id, const std::string& folder) const {
    return folder + "/" + between + id + extension;
  }
};

IdPattern find_pattern(const std::vector<std::pair<std::string, std::string>>& ids_and_classes,
                       const fs::path& root,
                       const std::string& split,
                       const std::string& extension) {
  std::vector<IdPattern> patterns;
  for (const std::string& between : {std::string(), split + "/"}) {
    if (!extension.empty()) patterns.push_back({between, extension});
    for (const std::string_view known : kIdExtensions) {
      if (extension.empty()) patterns.push_back({between, std::string(known)});
    }
  }
  for (const auto& [id, folder] : ids_and_classes) {
    for (const IdPattern& pattern : patterns) {
      std::error_code error;
      if (fs::exists(root / pattern.name(id, folder), error)) return pattern;
    }
  }
  return patterns.front();
}

CloudList read_ids(const std::vector<ListLine>& lines,
                   const fs::path& list,
                   const fs::path& root,
                   const CloudListOptions& options) {
  const std::string stem = list.stem().string();
  const std::size_t cut = std::min(stem.rfind('_'), stem.size());
  const std::string split = cut < stem.size() ? stem.substr(cut + 1) : options.split;
  const fs::path beside = list.parent_path() / (stem.substr(0, cut) + "_shape_names.txt");
  std::error_code error;
  require(!options.labels.empty() || fs::exists(beside, error),
          Errc::kNotFound,
          place_of(list, lines.front()),
          ": no label, as in a list of shape ids, but ",
          beside.string(),
          " with the class names: not found");
  const LabelMap labels(options.labels.empty() ? beside : options.labels);
  CloudList result;
  result.classes = labels.names();
  std::vector<std::pair<std::string, std::string>> ids_and_classes;
  for (const ListLine& line : lines) {
    const std::string folder = line.text.substr(0, line.text.rfind('_'));
    const std::optional<std::int64_t> label = labels.find(folder);
    require(label.has_value(),
            Errc::kInvalidArgument,
            place_of(list, line),
            ": '",
            folder,
            "' of '",
            line.text,
            "' is not a class of ",
            labels.file().string());
    ids_and_classes.emplace_back(line.text, folder);
    result.entries.push_back({"", "", *label});
  }
  const IdPattern pattern = find_pattern(ids_and_classes, root, split, options.extension);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CloudEntry& entry = result.entries[i];
    entry.name = pattern.name(ids_and_classes[i].first, ids_and_classes[i].second);
    entry.path = root / entry.name;
  }
  return result;
}

}  // namespace

CloudList read_cloud_list(const CloudListOptions& options) {
  const fs::path list = options.list.empty() ? options.root : options.list;
  if (is_folder(list)) return read_folder(list, options);
  std::error_code error;
  require(fs::exists(list, error), Errc::kNotFound, "list ", list.string(), ": not found");
  const fs::path beside = list.has_parent_path() ? list.parent_path() : fs::path(".");
  const fs::path root = options.root.empty() ? beside : options.root;
  require(is_folder(root), Errc::kNotFound, "root ", root.string(), ": not found");
  const std::vector<ListLine> lines = read_lines(list);
  const bool is_id_list = !lines.empty() && splits_of(lines.front().text).empty();
  CloudList result = is_id_list ? read_ids(lines, list, root, options)
                                : read_labelled(lines, list, root, labels_of(options));
  require(
      !result.entries.empty(), Errc::kInvalidArgument, "list ", list.string(), ": holds no sample");
  return result;
}

}  // namespace larkspur::readers
