// SPDX-License-Identifier: Apache-2.0
#include "readers/list/pack_list.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/format/cloud_pack.h"
#include "readers/list/folder_walk.h"
#include "readers/list/labelled_list.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr const char* kNamesFile = "shape_names.txt";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// ply_data_train10.h5 behind ply_data_train9.h5.
bool before_by_number(const std::string& a, const std::string& b) {
  return std::pair(a.size(), a) < std::pair(b.size(), b);
}

ClassNames names_for(const NamedPack& first, const ListOptions& options) {
  if (!options.labels.empty()) return ClassNames(options.labels);
  const fs::path beside = first.path.parent_path() / kNamesFile;
  return is_there(beside) ? ClassNames(beside) : ClassNames();
}

SampleEntry entry_of(const fs::path& pack, std::int64_t row, std::int64_t label) {
  return {text_of(pack.filename().string(), "#", row), pack, label, row};
}

}  // namespace

bool holds_packs(const fs::path& folder) {
  const std::vector<std::string> files = look_into(folder).files;
  return std::any_of(
      files.begin(), files.end(), [](const auto& name) { return is_pack_file(name); });
}

bool is_pack_list(const std::vector<ListLine>& lines) {
  return !lines.empty() && is_pack_file(lines.front().text);
}

SampleList read_packs(const std::vector<NamedPack>& packs, const ListOptions& options) {
  const ClassNames names = names_for(packs.front(), options);
  SampleList result;
  result.classes = names.names();
  std::int64_t classes = 0;
  for (const NamedPack& pack : packs) {
    const PackFacts facts = read_pack_facts(pack.path).value();
    require(!facts.labels.empty(),
            Errc::kInvalidArgument,
            pack.place,
            ": has no dataset 'label': nothing says what its clouds show");
    for (std::int64_t row = 0; row < facts.clouds; ++row) {
      const std::int64_t label = facts.labels[static_cast<std::size_t>(row)];
      require(names.is_empty() || label < std::ssize(names.names()),
              Errc::kInvalidArgument,
              pack.place,
              ": label ",
              label,
              " of cloud ",
              row,
              " has no name in ",
              names.file().string());
      require(label < kMostNumberedClasses,
              Errc::kInvalidArgument,
              pack.place,
              ": label ",
              label,
              " of cloud ",
              row,
              ": numbers end at ",
              kMostNumberedClasses - 1);
      classes = std::max(classes, label + 1);
      result.entries.push_back(entry_of(pack.path, row, label));
    }
  }
  for (std::int64_t i = 0; names.is_empty() && i < classes; ++i) {
    result.classes.push_back(text_of(i));
  }
  return result;
}

std::vector<SampleEntry> clouds_of_pack(const fs::path& pack) {
  std::vector<SampleEntry> entries;
  const std::int64_t clouds = read_pack_facts(pack).value().clouds;
  for (std::int64_t row = 0; row < clouds; ++row) entries.push_back(entry_of(pack, row, 0));
  return entries;
}

SampleList read_packs_of(const fs::path& folder, const ListOptions& options) {
  const fs::path list = folder / (options.split + "_files.txt");
  if (is_there(list)) return read_packs_in(read_lines(list), list, folder, options);
  std::vector<std::string> files;
  for (const std::string& name : look_into(folder).files) {
    if (is_pack_file(name) && name.find(options.split) != std::string::npos) files.push_back(name);
  }
  std::sort(files.begin(), files.end(), before_by_number);
  require(!files.empty(),
          Errc::kNotFound,
          folder.string(),
          ": holds packs, but none with '",
          options.split,
          "' in its name");
  std::vector<NamedPack> packs;
  for (const std::string& name : files) packs.push_back({folder / name, (folder / name).string()});
  return read_packs(packs, options);
}

SampleList read_packs_in(const std::vector<ListLine>& lines,
                         const fs::path& list,
                         const fs::path& root,
                         const ListOptions& options) {
  std::vector<NamedPack> packs;
  for (const ListLine& line : lines) {
    require(is_pack_file(line.text),
            Errc::kInvalidArgument,
            place_of(list, line),
            ": expected a pack (.h5) as in the first line, found '",
            line.text,
            "'");
    const fs::path whole = root / line.text;
    const fs::path beside = root / fs::path(line.text).filename();
    require(is_there(whole) || is_there(beside),
            Errc::kNotFound,
            place_of(list, line),
            ": neither ",
            whole.string(),
            " nor ",
            beside.string(),
            " is there");
    packs.push_back({is_there(whole) ? whole : beside, place_of(list, line)});
  }
  return read_packs(packs, options);
}

}  // namespace larkspur::readers
