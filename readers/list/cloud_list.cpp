// SPDX-License-Identifier: Apache-2.0
#include "readers/list/cloud_list.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/list/folder_walk.h"
#include "readers/list/labelled_list.h"
#include "readers/list/pack_list.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr std::array<std::string_view, 7> kIdExtensions{
    ".txt", ".npy", ".off", ".obj", ".ply", ".pcd", ".xyz"};

bool has_splits(const fs::path& folder, const std::string& split) {
  return is_folder(folder / split) || is_folder(folder / "train") || is_folder(folder / "test");
}

/// A folder of a class, and the one in it that holds a folder a split: itself, or in 3DShapeNets
/// the one that is named by the size of its volumes, "30".
struct CloudClass {
  std::string name;
  std::string between;  ///< "30/"; else empty
};

// Others lie beside real data sets too.
std::vector<CloudClass> cloud_classes(const fs::path& root, const std::string& split) {
  std::vector<CloudClass> classes;
  for (const std::string& name : look_into(root).folders) {
    if (has_splits(root / name, split)) {
      classes.push_back({name, ""});
      continue;
    }
    std::vector<std::string> sizes = look_into(root / name).folders;
    std::erase_if(sizes, [&](const std::string& size) {
      return !number_of(size) || !has_splits(root / name / size, split);
    });
    require(sizes.size() < 2,
            Errc::kInvalidArgument,
            (root / name).string(),
            ": holds shapes of several sizes, ",
            sizes.empty() ? "" : sizes.front() + " and " + sizes.back(),
            ": keep one");
    if (!sizes.empty()) classes.push_back({name, sizes.front() + "/"});
  }
  return classes;
}

SampleList read_cloud_folder(const fs::path& root, const ListOptions& options) {
  const ClassNames labels(options.labels);
  SampleList list;
  list.classes = labels.names();
  std::set<std::string> extensions;
  std::int64_t place = 0;
  for (const auto& [folder, between] : cloud_classes(root, options.split)) {
    if (labels.is_empty()) list.classes.push_back(folder);
    const std::optional<std::int64_t> label = labels.is_empty() ? place++ : labels.find(folder);
    require(label.has_value(),
            Errc::kInvalidArgument,
            (root / folder).string(),
            ": not a class of ",
            labels.file().string());
    const fs::path inside = fs::path(folder) / (between + options.split);
    const fs::path where = root / inside;
    if (!is_folder(where)) continue;
    for (const std::string& file : samples_in(where, options.extension, is_cloud_file)) {
      extensions.insert(lower_extension(file));
      list.entries.push_back({(inside / file).string(), where / file, *label});
    }
  }
  require(extensions.size() < 2,
          Errc::kInvalidArgument,
          root.string(),
          ": holds ",
          extensions.empty() ? "" : *extensions.begin(),
          " and ",
          extensions.empty() ? "" : *extensions.rbegin(),
          " files, which may be the same shapes twice: keep one kind, or name the files in a list");
  require(!list.entries.empty(),
          Errc::kNotFound,
          root.string(),
          ": no cloud in any <class>/",
          options.split);
  return list;
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

SampleList read_ids(const std::vector<ListLine>& lines,
                    const fs::path& list,
                    const fs::path& root,
                    const ListOptions& options) {
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
  const ClassNames labels(options.labels.empty() ? beside : options.labels);
  SampleList result;
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
    SampleEntry& entry = result.entries[i];
    entry.name = pattern.name(ids_and_classes[i].first, ids_and_classes[i].second);
    entry.path = root / entry.name;
  }
  return result;
}

}  // namespace

SampleList read_cloud_list(const ListOptions& options) {
  const fs::path folder = options.list.empty() ? options.root : options.list;
  if (is_folder(folder)) {
    return holds_packs(folder) ? read_packs_of(folder, options)
                               : read_cloud_folder(folder, options);
  }
  const auto [list, root] = find_list(options);
  if (kind_of_file(list) == FileKind::kPack) return read_packs({{list, list.string()}}, options);
  const std::vector<ListLine> lines = read_lines(list);
  if (is_pack_list(lines)) return read_packs_in(lines, list, root, options);
  const bool is_id_list =
      !lines.empty() && splits_of(lines.front().text).empty() && !are_bare_paths(lines);
  SampleList result =
      is_id_list
          ? read_ids(lines, list, root, options)
          : read_labelled(lines, {list, root}, ClassNames(options.labels), options.several_labels);
  require(
      !result.entries.empty(), Errc::kInvalidArgument, "list ", list.string(), ": holds no sample");
  return result;
}

}  // namespace larkspur::readers
