// SPDX-License-Identifier: Apache-2.0
// The files of one save: a rank's shard, rank 0's manifest, and which older ones go. No rank waits
// for another here, and nothing but files is touched: all of it runs beside the training.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/checkpoint/checkpoint_scores.h"
#include "pipeline/state/snapshot.h"

namespace larkspur::pipeline {

/// Makes `folder` where it is not there, writes and fsyncs a rank's shard into it and returns what
/// the manifest says of it, as JSON. Throws kIo naming the file; kInvalidArgument naming a weight
/// or statistic that is not finite.
std::string write_shard(const std::filesystem::path& folder, const StateSnapshot& state, int rank);

/// Looks at every shard, of which `shards` is what write_shard() returned on its rank, then renames
/// the manifest into place: from then on `folder` is a checkpoint. Throws kIo naming the file.
void commit_checkpoint(const std::filesystem::path& folder,
                       CheckpointManifest manifest,
                       const std::vector<std::string>& shards);

/// Which of `folders` go, once the one at `newest` is safe: whole ones that neither `keep` nor
/// `keep_every` keeps and that are none of the `best`, and interrupted ones of its step or before.
std::vector<std::filesystem::path> superseded(const CheckpointOptions& options,
                                              std::vector<CheckpointFolder> folders,
                                              const std::filesystem::path& newest,
                                              std::int64_t step,
                                              const std::set<std::filesystem::path>& best = {});

/// Renews the link to the best one (checkpoint_scores.h), then removes them. What cannot be listed
/// or removed is a warning: the newest is safe.
void remove_older(const CheckpointOptions& options,
                  const std::filesystem::path& newest,
                  std::int64_t step);

/// Notes a score (checkpoint_scores.h). If that step's checkpoint is there, the link is renewed and
/// older ones go, as above; else they do once it is saved. What cannot be written is a warning. Not
/// while a save is under way.
void record_score(const CheckpointOptions& options, const CheckpointScore& score);

}  // namespace larkspur::pipeline
