// SPDX-License-Identifier: Apache-2.0
// The checkpoint that did best on what data.holdout keeps out: checkpoints/best, a link to it.
#pragma once

#include <filesystem>
#include <vector>

#include "pipeline/checkpoint/checkpoint_files.h"

namespace larkspur::pipeline {

/// A link, so that every verb that takes a checkpoint takes it.
std::filesystem::path best_link(const std::filesystem::path& checkpoints);

/// Points the link at `newest`, a whole one among `there`, if its manifest says a score above that
/// of the best so far; of equal ones the earlier stays. Returns the best one, empty where none says
/// a score. Reads the manifests of both, and all of `there` where the link leads nowhere. Where
/// links cannot be made that is a warning. Called by one process at a time.
std::filesystem::path renew_best(const std::filesystem::path& checkpoints,
                                 const std::vector<CheckpointFolder>& there,
                                 const std::filesystem::path& newest);

}  // namespace larkspur::pipeline
