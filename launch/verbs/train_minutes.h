// SPDX-License-Identifier: Apache-2.0
// `train.minutes`: a training as long as somebody has time for, whose schedule ends with it.
//
//   rehearsal on all ranks -- rank 0: seconds of a step -- epochs that fit -- train.epochs
//
// From there it is a run like any other: its bits follow from train.epochs, which its configuration
// and its checkpoints hold, and a resume takes theirs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "launch/verbs/train_job.h"
#include "pipeline/train/requests.h"

namespace larkspur::launch {

/// Of the time that is left, what checkpoints, the report and a machine's moods may take.
inline constexpr double kReservedShare = 0.03;

/// Whole epochs that fit into the seconds left, at least 1.
std::int64_t epochs_that_fit(double seconds_left,
                             double step_seconds,
                             std::int64_t steps_per_epoch);

/// What is to be said of a warm-up in fitted epochs; empty: nothing.
std::string doubt_of_warmup(const TrainConfig& train);

/// For a run with train.minutes that has not begun: times steps for a twentieth of the minutes (1
/// to 30 s), sets train.epochs by what is left since `started`, says so in the log, and leaves
/// network and identity as a new run has them. Does nothing for other runs. Throws as rehearse(). A
/// collective call.
void fit_epochs(PreparedTraining& prepared,
                RankJob& job,
                const pipeline::Requests& requests,
                std::chrono::steady_clock::time_point started);

}  // namespace larkspur::launch
