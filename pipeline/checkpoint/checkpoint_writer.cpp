// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>

#include <nlohmann/json.hpp>

#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"
#include "pipeline/storage/safetensors.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

CheckpointShard write_shard(const fs::path& folder, const StateSnapshot& state, int rank) {
  require_finite(state);
  CheckpointShard shard;
  shard.file = shard_file_name(rank);
  std::vector<TensorToWrite> tensors;
  for (const SnapshotPiece& piece : state.pieces) {
    shard.pieces.push_back({piece.kind, piece.name, piece.range, 0});
    tensors.push_back(
        {shard.pieces.back().entry(), piece.range.size(), piece.values.const_data_ptr<float>()});
  }
  const WrittenTensors written = write_safetensors(folder / shard.file, tensors);
  shard.bytes = written.bytes;
  shard.header_crc = written.header_crc;
  for (std::size_t i = 0; i < shard.pieces.size(); ++i) {
    shard.pieces[i].crc = written.tensor_crcs[i];
  }
  return shard;
}

std::string make_folder(const CheckpointOptions& options, std::int64_t step) {
  const fs::path folder = options.folder / new_checkpoint_name(step, std::random_device{}());
  std::error_code error;
  fs::create_directories(folder, error);
  require(!error, Errc::kIo, "cannot make ", folder.string(), ": ", error.message());
  return folder.filename().string();
}

void commit(const fs::path& folder,
            CheckpointManifest manifest,
            const std::vector<std::string>& shards) {
  for (const std::string& told : shards) {
    CheckpointShard shard = shard_from_json(json::parse(told));
    std::error_code error;
    const auto bytes = fs::file_size(folder / shard.file, error);
    require(!error && static_cast<std::int64_t>(bytes) == shard.bytes,
            Errc::kIo,
            (folder / shard.file).string(),
            " is not visible to rank 0 as it was written: the output folder must be on a disk that "
            "all ranks share");
    manifest.shards.push_back(std::move(shard));
  }
  sync_folder(folder);
  write_manifest(folder, manifest);
  sync_folder(folder.parent_path());
}

/// Removes what is beyond `keep`, this one counted first, and interrupted saves before it.
void remove_older(const CheckpointOptions& options, const fs::path& newest, std::int64_t step) {
  std::vector<CheckpointFolder> folders = list_checkpoints(options.folder);
  int kept = 1;
  for (const CheckpointFolder& found : folders) {
    if (found.path == newest || found.step > step || (found.complete && kept++ < options.keep))
      continue;
    std::error_code error;
    fs::remove_all(found.path, error);
    if (error) log_warn(text_of("cannot remove ", found.path.string(), ": ", error.message()));
  }
}

}  // namespace

fs::path save_checkpoint(const CheckpointOptions& options,
                         const StateSnapshot& state,
                         const RunIdentity& run,
                         Communicator& communicator) {
  const bool is_root = communicator.rank() == 0;
  const auto named = all_or_none(
      communicator, [&] { return is_root ? make_folder(options, state.step) : std::string(); });
  const fs::path folder = options.folder / named.front();
  const auto shards = all_or_none(communicator, [&] {
    return to_json(write_shard(folder, state, communicator.rank())).dump();
  });
  all_or_none(communicator, [&] {
    if (is_root)
      commit(folder, {kCheckpointFormat, state.step, run, state.bad, {}, state.scaler}, shards);
    return std::string();
  });
  if (is_root) remove_older(options, folder, state.step);
  return folder;
}

fs::path save_checkpoint(const CheckpointOptions& options,
                         const TrainState& state,
                         const RunIdentity& run,
                         Communicator& communicator) {
  return save_checkpoint(options, take_snapshot(state), run, communicator);
}

}  // namespace larkspur::pipeline
