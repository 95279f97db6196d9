// SPDX-License-Identifier: Apache-2.0
// What a checkpoint folder says of itself: manifest.json, guarded by manifest.crc.
//
//   step-000120.5f3a91c2/
//     shard-00000.safetensors   pieces "weight:NAME[begin:end]", "moment1:...", "statistic:..."
//     shard-00001.safetensors
//     manifest.crc              CRC-32C of manifest.json, eight hexadecimal digits
//     manifest.json             renamed into place last: without it the folder is no checkpoint
//
// Coordinates are logical (kind, parameter name, element range), so any number of ranks can load.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "pipeline/arithmetic.h"
#include "pipeline/flat_layout.h"
#include "pipeline/sample.h"
#include "pipeline/state/loss_scaler.h"

namespace larkspur::pipeline {

/// Stays while kinds of tensors and fields with a default are only added; rises when the meaning of
/// what is there changes.
inline constexpr int kCheckpointFormat = 1;

/// A range of one logical tensor, and the checksum of its bytes.
struct CheckpointPiece {
  std::string kind;
  std::string name;
  ElementRange range;  ///< elements of the logical tensor
  std::uint32_t crc = 0;

  /// The entry's name in its shard: KIND:NAME[BEGIN:END].
  std::string entry() const;
};

struct CheckpointShard {
  std::string file;  ///< name inside the folder
  std::int64_t bytes = 0;
  std::uint32_t header_crc = 0;
  std::vector<CheckpointPiece> pieces;
};

/// What the run was, beyond its tensors.
struct RunIdentity {
  std::string config;                ///< the resolved configuration, YAML
  std::vector<std::string> classes;  ///< label map: name of label i
  std::uint32_t list_crc = 0;        ///< CRC-32C of the training list: list_crc() of launch
  int ranks = 1;
  int threads = 1;        ///< compute threads a rank
  std::string processor;  ///< model name; other processors may give other bits
};

struct CheckpointManifest {
  int format = kCheckpointFormat;
  std::int64_t step = 0;
  RunIdentity run;
  std::vector<BadSample> bad;
  std::vector<CheckpointShard> shards;
  LossScaler scaler;  ///< a fresh one where the manifest says nothing of it
  int arithmetic =
      kArithmetic;  ///< of the run that wrote it (arithmetic.h); 1 where it is not said
};

nlohmann::json to_json(const CheckpointShard& shard);

/// Throws nlohmann::json::exception when a field is missing or of another type.
CheckpointShard shard_from_json(const nlohmann::json& json);

/// Writes manifest.crc, then manifest.json by rename. Throws kIo.
void write_manifest(const std::filesystem::path& folder, const CheckpointManifest& manifest);

/// Throws kNotFound, kIo; kCorruptData when the checksum or the content is wrong; kUnsupported for
/// a format newer than this build. The message names the file.
CheckpointManifest read_manifest(const std::filesystem::path& folder);

}  // namespace larkspur::pipeline
