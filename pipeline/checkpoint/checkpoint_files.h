// SPDX-License-Identifier: Apache-2.0
// Names of checkpoint folders and files, and what lies in a checkpoints folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace larkspur::pipeline {

/// step-000120.5f3a91c2: never the name of an earlier save.
std::string new_checkpoint_name(std::int64_t step, std::uint32_t random);

std::string shard_file_name(int rank);

/// The folder that a run keeps its checkpoints in.
std::filesystem::path checkpoints_folder(const std::filesystem::path& run);

struct CheckpointFolder {
  std::filesystem::path path;
  std::int64_t step = 0;
  bool complete = false;  ///< has its manifest; an interrupted save has none
};

/// What in `folder` is named like a checkpoint, newest step first (complete before interrupted,
/// then by name). Empty when the folder is not there; throws kIo when it cannot be listed.
std::vector<CheckpointFolder> list_checkpoints(const std::filesystem::path& folder);

}  // namespace larkspur::pipeline
