// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_files.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace larkspur::pipeline {

namespace fs = std::filesystem;

std::string new_checkpoint_name(std::int64_t step, std::uint32_t random) {
  char text[64];
  std::snprintf(text, sizeof(text), "step-%06lld.%08x", static_cast<long long>(step), random);
  return text;
}

std::string shard_file_name(int rank) {
  char text[64];
  std::snprintf(text, sizeof(text), "shard-%05d.safetensors", rank);
  return text;
}

fs::path checkpoints_folder(const fs::path& run) { return run / "checkpoints"; }

std::vector<CheckpointFolder> list_checkpoints(const fs::path& folder) {
  std::vector<CheckpointFolder> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    long long step = 0;
    unsigned random = 0;
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory(error) ||
        std::sscanf(name.c_str(), "step-%lld.%x", &step, &random) != 2 ||
        name != new_checkpoint_name(step, random)) {
      continue;
    }
    found.push_back({entry.path(), step, fs::exists(entry.path() / "manifest.json", error)});
  }
  std::sort(found.begin(), found.end(), [](const CheckpointFolder& a, const CheckpointFolder& b) {
    return std::make_tuple(-a.step, !a.complete, a.path) <
           std::make_tuple(-b.step, !b.complete, b.path);
  });
  return found;
}

}  // namespace larkspur::pipeline
