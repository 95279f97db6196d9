// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_files.h"

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <tuple>

#include "pipeline/require.h"

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
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    const fs::directory_entry& entry = *at;
    std::error_code unknown;
    long long step = 0;
    unsigned random = 0;
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory(unknown) ||
        std::sscanf(name.c_str(), "step-%lld.%x", &step, &random) != 2 ||
        name != new_checkpoint_name(step, random)) {
      continue;
    }
    const bool has_manifest = fs::exists(entry.path() / "manifest.json", unknown);
    found.push_back({entry.path(), step, has_manifest || unknown});  // what cannot be told is kept
  }
  const bool is_nothing =
      error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  require(!error || is_nothing, Errc::kIo, "cannot list ", folder.string(), ": ", error.message());
  std::sort(found.begin(), found.end(), [](const CheckpointFolder& a, const CheckpointFolder& b) {
    return std::make_tuple(-a.step, !a.complete, a.path) <
           std::make_tuple(-b.step, !b.complete, b.path);
  });
  return found;
}

}  // namespace larkspur::pipeline
