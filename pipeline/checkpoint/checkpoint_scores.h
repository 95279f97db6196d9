// SPDX-License-Identifier: Apache-2.0
// What evaluations said of a run's checkpoints, beside them: checkpoints/scores.json, and the link
// checkpoints/best that follows from it. A state is saved before it is scored, so that an
// evaluation that is cut short costs no training; its score comes later, or when the run goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/checkpoint/checkpoint_files.h"

namespace larkspur::pipeline {

/// Of the state after a step.
struct CheckpointScore {
  std::int64_t step = 0;
  double percent = 0.0;
  std::string by;        ///< how it was scored; those by different ways are not compared
  bool chooses = false;  ///< may choose the best: of held-out data, not of a test set
};

/// In the order in which they were recorded; none where there is no such file. Throws kIo,
/// kCorruptData naming it.
std::vector<CheckpointScore> read_scores(const std::filesystem::path& checkpoints);

/// The same, but a file that cannot be read is a warning, and none.
std::vector<CheckpointScore> readable_scores(const std::filesystem::path& checkpoints);

/// The last one of a step; `by` empty: however it was scored.
std::optional<CheckpointScore> score_of(const std::vector<CheckpointScore>& scores,
                                        std::int64_t step,
                                        const std::string& by = "");

/// Writes the file anew with one more, in place of an earlier one of its step that was made in the
/// same way. Throws kIo, and what read_scores() throws: nothing is written over what is not read.
void add_score(const std::filesystem::path& checkpoints, const CheckpointScore& score);

/// Takes those of later steps away: a run goes on from `step`, and will come to others. Throws
/// likewise.
void forget_scores_after(const std::filesystem::path& checkpoints, std::int64_t step);

/// A link, so that every verb that takes a checkpoint takes it.
std::filesystem::path best_link(const std::filesystem::path& checkpoints);

/// What scores say of the checkpoints that are there.
struct BestCheckpoints {
  /// The whole one with the highest score that chooses, of those scored as the last one was; of
  /// equal ones the earliest step, of one step's the one written last. Where none has such a score,
  /// the one that the link leads to; empty where that is none of them either.
  std::filesystem::path best;

  /// It, and the best of every other way of scoring: none of them may go.
  std::set<std::filesystem::path> kept;
};

BestCheckpoints best_of(const std::filesystem::path& checkpoints,
                        const std::vector<CheckpointFolder>& there);

/// Of a step's whole checkpoints the one written last; empty where there is none.
std::filesystem::path last_written(const std::vector<CheckpointFolder>& there, std::int64_t step);

/// Points the link at the best one, if it does not already. Where that cannot be done (no links on
/// this file system, something else of that name) it is a warning.
void renew_best_link(const std::filesystem::path& checkpoints, const std::filesystem::path& best);

}  // namespace larkspur::pipeline
