// SPDX-License-Identifier: Apache-2.0
#include "readers/list/class_folders.h"

#include <algorithm>
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

/// A folder of a class, and the samples in it, by their paths from there: at least one.
struct ClassFolder {
  std::string name;
  std::vector<std::string> samples;
};

std::vector<std::string> samples_of_class(const fs::path& folder,
                                          const std::string& extension,
                                          const FolderKind& kind) {
  std::vector<std::string> files = samples_in(folder, extension, kind.is_of_kind);
  if (!files.empty() || kind.is_sample == nullptr) return files;
  std::vector<std::string> folders = look_into(folder).folders;
  const bool are_samples = std::any_of(folders.begin(), folders.end(), [&](const auto& name) {
    return kind.is_sample(folder / name);
  });
  if (!are_samples) return {};
  for (const std::string& name : look_into(folder).files) {
    std::error_code error;  // of a link that leads nowhere
    if (fs::is_symlink(folder / name, error) && !fs::exists(folder / name, error)) {
      folders.push_back(name);
    }
  }
  return folders;
}

std::vector<ClassFolder> class_folders(const fs::path& top,
                                       const ListOptions& options,
                                       const FolderKind& kind) {
  std::vector<ClassFolder> folders;
  for (const std::string& name : look_into(top).folders) {
    std::vector<std::string> samples = samples_of_class(top / name, options.extension, kind);
    if (samples.empty() && is_folder(top / name / options.split)) {
      samples = samples_of_class(top / name / options.split, options.extension, kind);
      for (std::string& sample : samples) sample.insert(0, options.split + "/");
    }
    if (!samples.empty()) folders.push_back({name, std::move(samples)});
  }
  return folders;
}

}  // namespace

SampleList read_class_folders(const fs::path& root,
                              const ListOptions& options,
                              const FolderKind& kind) {
  const fs::path split = root / options.split;
  const fs::path top = is_folder(split) ? split : root;
  const std::vector<ClassFolder> folders = class_folders(top, options, kind);
  std::vector<std::string> names;
  for (const ClassFolder& folder : folders) names.push_back(folder.name);
  const ClassNames classes =
      options.labels.empty() ? ClassNames::sorted(names) : ClassNames(options.labels);
  SampleList list;
  list.classes = classes.names();
  for (const auto& [folder, samples] : folders) {
    const std::optional<std::int64_t> label = classes.find(folder);
    require(label.has_value(),
            Errc::kInvalidArgument,
            (top / folder).string(),
            ": not a class of ",
            classes.file().string());
    for (const std::string& sample : samples) {
      list.entries.push_back({folder + "/" + sample, top / folder / sample, *label});
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
          ">, <class>/",
          options.split,
          "/<",
          kind.name,
          "> or <class>/<",
          kind.name,
          ">");
  return list;
}

}  // namespace larkspur::readers
