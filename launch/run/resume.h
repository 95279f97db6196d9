// SPDX-License-Identifier: Apache-2.0
// Whether and how a run goes on from a checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "launch/config/run_config.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/communicator.h"
#include "pipeline/state/train_state.h"

namespace larkspur::launch {

/// Goes on from the newest whole checkpoint of the output folder, if there is one, and says so.
/// Throws kInvalidArgument when resume=never and there is one, when the configuration, the class
/// names or the training list decide other bits (saved_config.h); what loading throws otherwise.
/// The log says what else has changed. Returns whether it goes on from one. A collective call.
bool resume_if_possible(const RunConfig& config,
                        const pipeline::RunIdentity& now,
                        pipeline::TrainState& state,
                        pipeline::Communicator& communicator);

/// Of a run that has begun: train.epochs, with train.minutes as fitted when it did. Nothing where
/// the output folder holds no finished checkpoint, whole or damaged. Reads manifests at most. One
/// rank looks and tells the others: a shared disk may show them different things.
std::optional<std::int64_t> epochs_begun_with(const RunConfig& config);

/// The `checkpoints` folder of an output folder.
std::filesystem::path checkpoints_folder(const RunConfig& config);

}  // namespace larkspur::launch
