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

/// The pieces of one shard and where their bytes are.
struct ShardContent {
  std::vector<CheckpointPiece> pieces;
  std::vector<TensorToWrite> tensors;
  std::vector<at::Tensor> keep_alive;

  void add(const char* kind, const std::string& name, ElementRange range, const float* data) {
    pieces.push_back({kind, name, range, 0});
    tensors.push_back({pieces.back().entry(), range.size(), data});
  }
};

/// What this rank owns: for each share of a bucket, the parameters it cuts.
ShardContent owned_content(const TrainState& state) {
  ShardContent content;
  const at::Tensor values = state.parameters.values().cpu();
  const at::Tensor moment1 = state.optimizer.moment1().cpu();
  const at::Tensor moment2 = state.optimizer.moment2().cpu();
  content.keep_alive = {values, moment1, moment2};
  for (const auto& [index, flat, packed] : state.optimizer.owned()) {
    const FlatEntry& entry = state.parameters.layout().entries()[index];
    const ElementRange logical{flat.begin - entry.range.begin, flat.end - entry.range.begin};
    content.add(kWeight, entry.name, logical, values.data_ptr<float>() + flat.begin);
    content.add(kMoment1, entry.name, logical, moment1.data_ptr<float>() + packed);
    content.add(kMoment2, entry.name, logical, moment2.data_ptr<float>() + packed);
  }
  return content;
}

void add_statistics(ShardContent& content, const TrainState& state) {
  for (const Statistic& statistic : state.statistics.tensors()) {
    const at::Tensor values = statistic.tensor.cpu().contiguous();
    content.keep_alive.push_back(values);
    content.add(kStatistic, statistic.name, {0, values.numel()}, values.data_ptr<float>());
  }
}

CheckpointShard write_shard(const fs::path& folder, const TrainState& state, int rank) {
  const bool finite = state.parameters.values().isfinite().all().item<bool>();
  require(finite,
          Errc::kInvalidArgument,
          "the weights of step ",
          state.step,
          " are not finite, no checkpoint is written: lower train.learning_rate");
  ShardContent content = owned_content(state);
  if (rank == 0) add_statistics(content, state);
  CheckpointShard shard;
  shard.file = shard_file_name(rank);
  const WrittenTensors written = write_safetensors(folder / shard.file, content.tensors);
  shard.bytes = written.bytes;
  shard.header_crc = written.header_crc;
  shard.pieces = std::move(content.pieces);
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
                         const TrainState& state,
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

}  // namespace larkspur::pipeline
