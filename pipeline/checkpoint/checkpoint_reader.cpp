// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <ATen/ops/empty.h>
#include <xxhash.h>

#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/checkpoint/newest_first.h"
#include "pipeline/require.h"
#include "pipeline/storage/safetensors.h"

namespace larkspur::pipeline {
namespace fs = std::filesystem;
namespace {

/// Where checkpoints/best leads now: the link may move while ranks open what it led to.
fs::path behind_link(const fs::path& path) {
  const fs::path link = path.has_filename() ? path : path.parent_path();
  std::error_code none;
  const fs::path target = fs::read_symlink(link, none);
  return none ? link : link.parent_path() / target;
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
  for (const auto& [key, places] : places_) {
    (void)pieces(key.first, key.second);  // without a gap
    for (const PiecePlace& place : places) {
      require_crc(place, readers_[place.shard].crc(place.piece.entry()));
    }
  }
}

const std::vector<Checkpoint::PiecePlace>& Checkpoint::places(const std::string& kind,
                                                              const std::string& name) const {
  const auto found = places_.find({kind, name});
  require(found != places_.end(), Errc::kNotFound, folder_.string(), " has no ", kind, " ", name);
  return found->second;
}

std::vector<ElementRange> Checkpoint::pieces(const std::string& kind,
                                             const std::string& name) const {
  std::vector<ElementRange> ranges;
  std::int64_t next = 0;
  for (const auto& [shard, piece] : places(kind, name)) {
    const std::string entry = piece.entry();
    require(piece.range.begin == next && readers_[shard].elements(entry) == piece.range.size(),
            Errc::kCorruptData,
            manifest_.shards[shard].file,
            ": ",
            entry,
            " leaves a gap or overlaps");
    next = piece.range.end;
    ranges.push_back(piece.range);
  }
  return ranges;
}

void Checkpoint::require_crc(const PiecePlace& place, std::uint32_t found) const {
  require(found == place.piece.crc,
          Errc::kCorruptData,
          (folder_ / manifest_.shards[place.shard].file).string(),
          ": ",
          place.piece.entry(),
          " fails its checksum");
}

void Checkpoint::read_into(float* out, const PiecePlace& place) const {
  require_crc(place, readers_[place.shard].read(place.piece.entry(), out));
}

at::Tensor Checkpoint::read_piece(const std::string& kind,
                                  const std::string& name,
                                  std::size_t piece) const {
  const ElementRange range = pieces(kind, name).at(piece);
  const at::Tensor values = at::empty({range.size()}, at::kFloat);
  read_into(values.data_ptr<float>(), places(kind, name)[piece]);
  return values;
}

void Checkpoint::read_piece(const std::string& kind,
                            const std::string& name,
                            std::size_t piece,
                            float* out) const {
  read_into(out, places(kind, name).at(piece));
}

at::Tensor Checkpoint::read(const std::string& kind, const std::string& name) const {
  const at::Tensor whole = at::empty({pieces(kind, name).back().end}, at::kFloat);
  for (const PiecePlace& place : places(kind, name)) {
    read_into(whole.data_ptr<float>() + place.piece.range.begin, place);
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

std::optional<Checkpoint> newest_checkpoint(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / "manifest.json", error)) {
    Checkpoint checkpoint(behind_link(path));
    checkpoint.verify();
    return checkpoint;
  }
  const fs::path inside = checkpoints_folder(path);
  const fs::path& folder = fs::is_directory(inside, error) ? inside : path;
  return first_whole(folder, newest_first(folder), /*tells=*/true, [](const fs::path& found) {
    Checkpoint checkpoint(found);
    checkpoint.verify();
    return checkpoint;
  });
}

Checkpoint open_checkpoint(const fs::path& folder, Communicator& communicator) {
  std::optional<Checkpoint> opened;
  all_or_none(communicator, [&] {
    opened.emplace(folder);
    return std::string();
  });
  return std::move(*opened);
}

Checkpoint find_checkpoint(const fs::path& path) {
  auto found = newest_checkpoint(path);
  std::error_code error;
  const auto status = fs::status(path, error);
  require(found.has_value(),
          Errc::kNotFound,
          path.string(),
          !fs::exists(status)         ? ": no such file or folder"
          : !fs::is_directory(status) ? ": is a file"
                                      : ": no checkpoint in it",
          "; a checkpoint is a run's folder, its checkpoints folder, or one step-... in there");
  return std::move(*found);
}

Checkpoint find_checkpoint(const fs::path& path, Communicator& communicator) {
  const auto told = all_or_none(communicator, [&]() -> std::string {
    return communicator.rank() == 0 ? find_checkpoint(path).folder().string() : "";
  });
  return open_checkpoint(told.front(), communicator);
}

}  // namespace larkspur::pipeline
