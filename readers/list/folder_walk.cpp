// SPDX-License-Identifier: Apache-2.0
#include "readers/list/folder_walk.h"

#include <algorithm>
#include <system_error>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;

// `above` holds the folders from the first one down to this one, links resolved.
void add_files(const fs::path& folder, std::vector<fs::path>& above, std::vector<fs::path>& files) {
  const FolderContent content = look_into(folder);
  for (const std::string& name : content.files) files.push_back(folder / name);
  for (const std::string& name : content.folders) {
    std::error_code error;
    const fs::path real = fs::canonical(folder / name, error);
    if (error || std::find(above.begin(), above.end(), real) != above.end()) continue;
    above.push_back(real);
    add_files(folder / name, above, files);
    above.pop_back();
  }
}

}  // namespace

FolderContent look_into(const fs::path& folder) {
  FolderContent content;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::string name = at->path().filename().string();
    if (is_hidden(name)) continue;
    (is_folder(at->path()) ? content.folders : content.files).push_back(std::move(name));
  }
  pipeline::require(!error, pipeline::Errc::kIo, folder.string(), ": ", error.message());
  std::sort(content.folders.begin(), content.folders.end());
  std::sort(content.files.begin(), content.files.end());
  return content;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> above{fs::canonical(folder, error)};
  std::vector<fs::path> files;
  add_files(folder, above, files);
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> samples_in(const fs::path& folder,
                                    const std::string& ending,
                                    bool (*is_of_kind)(const fs::path&)) {
  std::vector<std::string> names = look_into(folder).files;
  std::erase_if(names, [&](const std::string& name) {
    return ending.empty() ? !is_of_kind(name) : lower_extension(name) != ending;
  });
  return names;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace larkspur::readers
