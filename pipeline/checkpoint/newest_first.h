// SPDX-License-Identifier: Apache-2.0
// From the newest checkpoint of a folder backwards, past damaged ones.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "pipeline/checkpoint/checkpoint.h"

namespace larkspur::pipeline {

/// Folders of the complete checkpoints in `folder`, newest first. Throws kIo.
std::vector<std::filesystem::path> newest_first(const std::filesystem::path& folder);

/// take(path) of the first of `paths` at which it does not throw what damage, or the format of a
/// later version, throws (kNotFound, kIo, kCorruptData, kUnsupported); with `tells` the log names
/// each passed over. Nothing of no paths; kCorruptData naming `folder` when all are passed over.
/// Other errors pass through.
std::optional<Checkpoint> first_whole(
    const std::filesystem::path& folder,
    const std::vector<std::filesystem::path>& paths,
    bool tells,
    const std::function<Checkpoint(const std::filesystem::path&)>& take);

}  // namespace larkspur::pipeline
