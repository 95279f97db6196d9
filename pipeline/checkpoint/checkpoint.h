// SPDX-License-Identifier: Apache-2.0
// Sharded checkpoints: written by all ranks, loaded by any number of them, damaged ones refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/checkpoint/checkpoint_manifest.h"
#include "pipeline/communicator.h"
#include "pipeline/state/snapshot.h"
#include "pipeline/state/train_state.h"
#include "pipeline/storage/safetensors.h"

namespace larkspur::pipeline {

/// Where checkpoints go and how many stay.
struct CheckpointOptions {
  std::filesystem::path folder;  ///< the `checkpoints` folder; made if it is not there
  int keep = 3;                  ///< newest ones kept, >= 1; beside them the best_link()
  std::int64_t keep_every = 0;   ///< beside them the first at or after every so many steps; 0: none
  double deadline_seconds = 600.0;  ///< a shard or a manifest that takes longer has failed
};

/// Writes a snapshot as one more checkpoint and returns its folder. Every rank writes what its
/// snapshot holds, rank 0 also, once it has seen every shard, the manifest. Nothing is
/// overwritten; older checkpoints that are not kept go once the new one is safe. On any rank's
/// failure all ranks throw it (kIo naming the file; kInvalidArgument naming a weight or statistic
/// that is not finite), and what was there before is untouched. Beside the steps of a training:
/// CheckpointSaver (checkpoint_saver.h). A collective call.
std::filesystem::path save_checkpoint(const CheckpointOptions& options,
                                      const StateSnapshot& state,
                                      const RunIdentity& run,
                                      Communicator& communicator);

/// The same of a snapshot taken now.
std::filesystem::path save_checkpoint(const CheckpointOptions& options,
                                      const TrainState& state,
                                      const RunIdentity& run,
                                      Communicator& communicator);

/// A checkpoint on disk. Const and callable from many threads.
class Checkpoint {
 public:
  /// Reads the manifest and looks at every shard's size and header. Throws kNotFound, kIo,
  /// kCorruptData or kUnsupported, naming the file.
  explicit Checkpoint(std::filesystem::path folder);
  Checkpoint(Checkpoint&&) = default;
  Checkpoint& operator=(Checkpoint&&) = default;
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;
  ~Checkpoint() = default;

  const std::filesystem::path& folder() const { return folder_; }
  const CheckpointManifest& manifest() const { return manifest_; }

  /// Reads everything and checks every checksum. Throws kCorruptData naming shard and entry.
  void verify() const;

  /// (kind, name) of every logical tensor, sorted.
  std::vector<std::pair<std::string, std::string>> tensors() const;

  /// The ranges a logical tensor is cut into, in order, from 0 to its size without a gap. Throws
  /// kNotFound when it is not there, kCorruptData when its pieces leave a gap. Reads nothing.
  std::vector<ElementRange> pieces(const std::string& kind, const std::string& name) const;

  /// One of them: float32 [size of the range], checksum checked. Throws kCorruptData when it is
  /// wrong.
  at::Tensor read_piece(const std::string& kind, const std::string& name, std::size_t piece) const;

  /// The same into memory of that size; what is in it after a throw is undefined.
  void read_piece(const std::string& kind,
                  const std::string& name,
                  std::size_t piece,
                  float* out) const;

  /// A whole logical tensor: float32 [elements]. Throws what pieces() and read_piece() throw.
  at::Tensor read(const std::string& kind, const std::string& name) const;

  /// 32 hexadecimal digits over all logical tensors (XXH3, 128 bits): their kinds, names, sizes and
  /// bytes, in sorted order. Does not depend on how they are cut into shards.
  std::string digest() const;

 private:
  struct PiecePlace {
    std::size_t shard = 0;
    CheckpointPiece piece;
  };

  const std::vector<PiecePlace>& places(const std::string& kind, const std::string& name) const;
  void read_into(float* out, const PiecePlace& place) const;
  void require_crc(const PiecePlace& place, std::uint32_t found) const;

  std::filesystem::path folder_;
  CheckpointManifest manifest_;
  std::vector<SafetensorsReader> readers_;  ///< by shard
  std::map<std::pair<std::string, std::string>, std::vector<PiecePlace>> places_;
};

/// One that is there, opened by every rank; on any rank's failure all throw it. A collective call.
Checkpoint open_checkpoint(const std::filesystem::path& folder, Communicator& communicator);

/// The newest checkpoint at `path` that is whole; damaged ones are named in the log and passed
/// over. `path` is what people have at hand: a run's folder, its checkpoints folder, or one
/// checkpoint itself, and then only that one counts. Nothing when there is none and no damaged one
/// either; throws kCorruptData when all there are, are damaged.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& path);

/// The same for one that somebody asked for: throws kNotFound naming the path where it is not
/// there, is a file, or holds no checkpoint.
Checkpoint find_checkpoint(const std::filesystem::path& path);

/// The same, decided by rank 0 for all. A collective call.
Checkpoint find_checkpoint(const std::filesystem::path& path, Communicator& communicator);

/// Sets every tensor of `state`, its step, loss scale and bad samples. Over all ranks together,
/// each piece of what all hold is read once and handed round; of what ranks own, each rank reads
/// the pieces it needs. Kinds of tensors that this version does not know, and another arithmetic,
/// are a warning each. On any rank's failure all ranks throw it: kNotFound when the checkpoint
/// lacks a tensor, kInvalidArgument naming one that has another size, kCorruptData one that has a
/// wrong checksum, or a weight or statistic that is not finite. A collective call.
void restore(const Checkpoint& checkpoint, TrainState& state, Communicator& communicator);

/// Restores the newest checkpoint in a checkpoints folder that can be: one with damage that any
/// rank meets in the part it reads is named in the log and passed over, so that a restore is the
/// only reading. `fits` sees each one, opened, before it is restored; where it throws, or tensors
/// of `state` are not in it with their sizes, that ends it all: kInvalidArgument with its text.
/// Nothing when there is no checkpoint; kCorruptData when all there are, are damaged, and after
/// that, as after any throw, `state` is good for nothing. A collective call.
std::optional<Checkpoint> restore_newest(const std::filesystem::path& folder,
                                         TrainState& state,
                                         Communicator& communicator,
                                         const std::function<void(const Checkpoint&)>& fits);

/// Which weights and statistics of a checkpoint.
enum class WeightSet : std::uint8_t {
  kLast,     ///< of its step
  kAverage,  ///< over the updates before (state/weight_average.h)
};

/// Weights and statistics only, for evaluation. Warns and throws likewise; kNotFound too where the
/// average is asked for and none was kept.
void restore_network(const Checkpoint& checkpoint,
                     const Classifier& classifier,
                     WeightSet set = WeightSet::kLast);

}  // namespace larkspur::pipeline
