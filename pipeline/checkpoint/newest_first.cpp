// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/newest_first.h"

#include <string>

#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

bool is_of_damage(Errc code) {
  return code == Errc::kNotFound || code == Errc::kIo || code == Errc::kCorruptData ||
         code == Errc::kUnsupported;
}

}  // namespace

std::vector<std::filesystem::path> newest_first(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const CheckpointFolder& found : list_checkpoints(folder)) {
    if (found.complete) paths.push_back(found.path);
  }
  return paths;
}

std::optional<Checkpoint> first_whole(
    const std::filesystem::path& folder,
    const std::vector<std::filesystem::path>& paths,
    bool tells,
    const std::function<Checkpoint(const std::filesystem::path&)>& take) {
  std::string damage;
  for (const std::filesystem::path& path : paths) {
    try {
      return take(path);
    } catch (const Error& failure) {
      if (!is_of_damage(failure.code())) throw;
      damage = failure.what();
      if (tells) log_warn(text_of("checkpoint refused: ", damage, "; trying the one before"));
    }
  }
  require(paths.empty(),
          Errc::kCorruptData,
          "no checkpoint in ",
          folder.string(),
          " is whole; the oldest one: ",
          damage);
  return std::nullopt;
}

}  // namespace larkspur::pipeline
