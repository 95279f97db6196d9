// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <xxhash.h>

#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/safetensors.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;

/// A logical tensor of a given size, or an error that names it.
at::Tensor read_sized(const Checkpoint& checkpoint,
                      const char* kind,
                      const std::string& name,
                      std::int64_t elements) {
  at::Tensor tensor = checkpoint.read(kind, name);
  require(tensor.numel() == elements,
          Errc::kCorruptData,
          checkpoint.folder().string(),
          ": ",
          kind,
          " ",
          name,
          " has ",
          tensor.numel(),
          " elements, the model ",
          elements);
  return tensor;
}

void restore_statistics(const Checkpoint& checkpoint, const std::vector<Statistic>& statistics) {
  for (const Statistic& statistic : statistics) {
    const at::Tensor whole =
        read_sized(checkpoint, kStatistic, statistic.name, statistic.tensor.numel());
    statistic.tensor.copy_(whole.view(statistic.tensor.sizes()));
  }
}

}  // namespace

Checkpoint::Checkpoint(fs::path folder)
    : folder_(std::move(folder)), manifest_(read_manifest(folder_)) {
  for (const CheckpointShard& shard : manifest_.shards) {
    const fs::path file = folder_ / shard.file;
    const SafetensorsReader& reader = readers_.emplace_back(file);
    require(reader.file_bytes() == shard.bytes,
            Errc::kCorruptData,
            file.string(),
            " has ",
            reader.file_bytes(),
            " bytes, not ",
            shard.bytes);
    require(reader.header_crc() == shard.header_crc,
            Errc::kCorruptData,
            file.string(),
            ": the header's checksum is wrong");
    for (const CheckpointPiece& piece : shard.pieces) {
      places_[{piece.kind, piece.name}].push_back({readers_.size() - 1, piece});
    }
  }
  for (auto& [key, places] : places_) {
    std::sort(places.begin(), places.end(), [](const PiecePlace& a, const PiecePlace& b) {
      return a.piece.range.begin < b.piece.range.begin;
    });
  }
}

std::vector<std::pair<std::string, std::string>> Checkpoint::tensors() const {
  std::vector<std::pair<std::string, std::string>> keys;
  for (const auto& [key, places] : places_) keys.push_back(key);
  return keys;
}

void Checkpoint::verify() const {
  for (const auto& [key, places] : places_) (void)read(key.first, key.second);
}

at::Tensor Checkpoint::read(const std::string& kind, const std::string& name) const {
  const auto found = places_.find({kind, name});
  require(found != places_.end(), Errc::kNotFound, folder_.string(), " has no ", kind, " ", name);
  const at::Tensor whole = at::empty({found->second.back().piece.range.end}, at::kFloat);
  std::int64_t next = 0;
  for (const auto& [shard, piece] : found->second) {
    const SafetensorsReader& reader = readers_[shard];
    const std::string entry = piece.entry();
    require(piece.range.begin == next && reader.elements(entry) == piece.range.size(),
            Errc::kCorruptData,
            manifest_.shards[shard].file,
            ": ",
            entry,
            " leaves a gap or overlaps");
    const std::uint32_t crc = reader.read(entry, whole.data_ptr<float>() + next);
    require(crc == piece.crc,
            Errc::kCorruptData,
            (folder_ / manifest_.shards[shard].file).string(),
            ": ",
            entry,
            " fails its checksum");
    next = piece.range.end;
  }
  return whole;
}

std::string Checkpoint::digest() const {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  for (const auto& [kind, name] : tensors()) {
    const at::Tensor whole = read(kind, name);
    const std::string title = text_of(kind, ":", name, ":", whole.numel(), "\n");
    XXH3_128bits_update(state.get(), title.data(), title.size());
    XXH3_128bits_update(state.get(), whole.data_ptr<float>(), whole.nbytes());
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  char text[33];
  std::snprintf(text,
                sizeof(text),
                "%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

std::optional<Checkpoint> newest_checkpoint(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / "manifest.json", error)) {
    Checkpoint checkpoint(folder);
    checkpoint.verify();
    return checkpoint;
  }
  std::string damage;
  for (const CheckpointFolder& found : list_checkpoints(folder)) {
    if (!found.complete) continue;
    try {
      Checkpoint checkpoint(found.path);
      checkpoint.verify();
      return checkpoint;
    } catch (const Error& failure) {
      damage = failure.what();
      log_warn(text_of("checkpoint refused: ", damage, "; trying the one before"));
    }
  }
  require(damage.empty(),
          Errc::kCorruptData,
          "no checkpoint in ",
          folder.string(),
          " is whole; the oldest one: ",
          damage);
  return std::nullopt;
}

std::optional<Checkpoint> newest_checkpoint(const fs::path& folder, Communicator& communicator) {
  const auto told = all_or_none(communicator, [&]() -> std::string {
    if (communicator.rank() != 0) return "";
    const auto found = newest_checkpoint(folder);
    return found ? found->folder().string() : "";
  });
  if (told.front().empty()) return std::nullopt;
  std::optional<Checkpoint> opened;
  all_or_none(communicator, [&] {
    opened.emplace(told.front());
    return std::string();
  });
  return opened;
}

void restore(const Checkpoint& checkpoint, TrainState& state) {
  const at::NoGradGuard no_grad;
  for (const FlatEntry& entry : state.parameters.layout().entries()) {
    const std::int64_t elements = entry.range.size();
    state.parameters.values()
        .narrow(0, entry.range.begin, elements)
        .copy_(read_sized(checkpoint, kWeight, entry.name, elements));
  }
  for (const auto& [index, flat, packed] : state.optimizer.owned()) {
    const FlatEntry& entry = state.parameters.layout().entries()[index];
    for (const auto& [kind, moment] : {std::pair{kMoment1, state.optimizer.moment1()},
                                       std::pair{kMoment2, state.optimizer.moment2()}}) {
      const at::Tensor whole = read_sized(checkpoint, kind, entry.name, entry.range.size());
      moment.narrow(0, packed, flat.size())
          .copy_(whole.narrow(0, flat.begin - entry.range.begin, flat.size()));
    }
  }
  restore_statistics(checkpoint, state.statistics.tensors());
  state.step = checkpoint.manifest().step;
  state.bad = checkpoint.manifest().bad;
  state.scaler = checkpoint.manifest().scaler;
}

void restore_network(const Checkpoint& checkpoint, const Classifier& classifier) {
  const at::NoGradGuard no_grad;
  for (const Parameter& parameter : classifier.parameters()) {
    const at::Tensor whole =
        read_sized(checkpoint, kWeight, parameter.name, parameter.tensor.numel());
    parameter.tensor.copy_(whole.view(parameter.tensor.sizes()));
  }
  restore_statistics(checkpoint, classifier.statistics());
}

}  // namespace larkspur::pipeline
