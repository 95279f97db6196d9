// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_writer.h"

#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"
#include "pipeline/storage/safetensors.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The first one at or behind every multiple of keep_every: a save may begin a few steps late.
std::set<fs::path> kept_for_ever(const CheckpointOptions& options,
                                 std::vector<CheckpointFolder> folders) {
  std::set<fs::path> kept;
  if (options.keep_every <= 0) return kept;
  std::ranges::sort(folders, {}, &CheckpointFolder::step);
  std::int64_t period = 0;
  for (const CheckpointFolder& found : folders) {
    if (!found.complete || found.step / options.keep_every <= period) continue;
    period = found.step / options.keep_every;
    kept.insert(found.path);
  }
  return kept;
}

}  // namespace

std::string write_shard(const fs::path& folder, const StateSnapshot& state, int rank) {
  require_finite(state);
  std::error_code error;
  fs::create_directories(folder, error);
  require(!error, Errc::kIo, "cannot make ", folder.string(), ": ", error.message());
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
  return to_json(shard).dump();
}

void commit_checkpoint(const fs::path& folder,
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

std::vector<fs::path> superseded(const CheckpointOptions& options,
                                 std::vector<CheckpointFolder> folders,
                                 const fs::path& newest,
                                 std::int64_t step,
                                 const std::set<fs::path>& best) {
  const std::set<fs::path> for_ever = kept_for_ever(options, folders);
  std::vector<fs::path> gone;
  int kept = 1;
  for (const CheckpointFolder& found : folders) {
    if (found.path == newest || found.step > step) continue;
    if (found.complete && best.count(found.path) > 0) continue;
    if (found.complete && (kept++ < options.keep || for_ever.count(found.path) > 0)) continue;
    gone.push_back(found.path);
  }
  return gone;
}

void remove_older(const CheckpointOptions& options, const fs::path& newest, std::int64_t step) {
  std::vector<CheckpointFolder> there;
  try {
    there = list_checkpoints(options.folder);
  } catch (const Error& error) {
    log_warn(text_of("older checkpoints stay: ", error.what()));
  }
  const auto [best, kept] = best_of(options.folder, there);
  renew_best_link(options.folder, best);
  for (const fs::path& old : superseded(options, there, newest, step, kept)) {
    std::error_code error;
    fs::remove(old / "manifest.json", error);  // first: what is half gone is no checkpoint
    if (!error) fs::remove_all(old, error);
    if (error) log_warn(text_of("cannot remove ", old.string(), ": ", error.message()));
  }
}

void record_score(const CheckpointOptions& options, const CheckpointScore& score) {
  try {
    add_score(options.folder, score);
    const fs::path scored = last_written(list_checkpoints(options.folder), score.step);
    if (!scored.empty()) remove_older(options, scored, score.step);
  } catch (const Error& error) {
    log_warn(text_of("a score is not kept: ", error.what()));
  }
}

}  // namespace larkspur::pipeline
