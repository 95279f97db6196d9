// SPDX-License-Identifier: Apache-2.0
// Whether and how a run goes on from a checkpoint.
#pragma once

#include <filesystem>

#include "launch/config/run_config.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/communicator.h"
#include "pipeline/state/train_state.h"

namespace larkspur::launch {

/// Goes on from the newest whole checkpoint of the output folder, if there is one, and says so.
/// Throws kInvalidArgument when resume=never and there is one, when a key that must match differs
/// (both values named) or the label map does; what loading throws otherwise. Threads or processor
/// that differ are said aloud. Returns whether it goes on from one. A collective call.
bool resume_if_possible(const RunConfig& config,
                        const pipeline::RunIdentity& now,
                        pipeline::TrainState& state,
                        pipeline::Communicator& communicator);

/// Whether the output folder holds a finished checkpoint, whole or damaged. Reads the disk only.
bool has_checkpoint(const RunConfig& config);

/// The `checkpoints` folder of an output folder.
std::filesystem::path checkpoints_folder(const RunConfig& config);

/// Throws kInvalidArgument naming every key under `prefix` ("" for all) that must match between a
/// saved configuration and this one and does not, with both values; warns of those to be said
/// aloud.
void compare_configurations(const RunConfig& saved,
                            const RunConfig& now,
                            const std::string& prefix,
                            const std::string& where);

}  // namespace larkspur::launch
