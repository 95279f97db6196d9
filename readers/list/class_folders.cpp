// SPDX-License-Identifier: Apache-2.0
#include "readers/list/class_folders.h"

#include <optional>
#include <utility>
#include <vector>

#include "pipeline/require.h"
#include "readers/list/class_names.h"
#include "readers/list/folder_walk.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

/// A folder of a class, and the samples in it: at least one.
struct ClassFolder {
  std::string name;
  std::vector<std::string> files;
};

std::vector<ClassFolder> class_folders(const fs::path& top,
                                       const std::string& extension,
                                       const FolderKind& kind) {
  std::vector<ClassFolder> folders;
  for (const std::string& name : look_into(top).folders) {
    std::vector<std::string> files = samples_in(top / name, extension, kind.is_of_kind);
    if (!files.empty()) folders.push_back({name, std::move(files)});
  }
  return folders;
}

}  // namespace

SampleList read_class_folders(const fs::path& root,
                              const ListOptions& options,
                              const FolderKind& kind) {
  const fs::path split = root / options.split;
  const fs::path top = is_folder(split) ? split : root;
  const std::vector<ClassFolder> folders = class_folders(top, options.extension, kind);
  std::vector<std::string> names;
  for (const ClassFolder& folder : folders) names.push_back(folder.name);
  const ClassNames classes =
      options.labels.empty() ? ClassNames::sorted(names) : ClassNames(options.labels);
  SampleList list;
  list.classes = classes.names();
  for (const auto& [folder, files] : folders) {
    const std::optional<std::int64_t> label = classes.find(folder);
    require(label.has_value(),
            Errc::kInvalidArgument,
            (top / folder).string(),
            ": not a class of ",
            classes.file().string());
    for (const std::string& file : files) {
      list.entries.push_back({folder + "/" + file, top / folder / file, *label});
    }
  }
  require(!list.entries.empty(),
          Errc::kNotFound,
          top.string(),
          ": no ",
          kind.name,
          " in any folder of a class, ",
          options.split,
          "/<class>/<",
          kind.name,
          "> or <class>/<",
          kind.name,
          ">");
  return list;
}

}  // namespace larkspur::readers
