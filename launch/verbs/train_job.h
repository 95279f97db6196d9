// SPDX-License-Identifier: Apache-2.0
// What a training needs before its first step: what was asked for, and everything made ready on
// every rank. Shared by the run itself and by its rehearsal (dry_run.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/run/dataset.h"
#include "launch/run/device.h"
#include "launch/run/rank_job.h"
#include "launch/run/train_evaluation.h"
#include "launch/verbs/verb.h"
#include "model3d/network.h"
#include "pipeline/checkpoint/checkpoint_manifest.h"
#include "pipeline/state/train_state.h"

namespace larkspur::launch {

/// Seconds that waits for messages are given beyond train.deadline_seconds: they know no more than
/// the rank, the watchdog also where it is.
inline constexpr double kVerdictComesFirst = 4.0;

struct TrainRequest {
  std::string file;                    ///< configuration
  std::vector<std::string> overrides;  ///< key=value
  bool dry_run = false;
  bool try_rates = false;

  bool writes_nothing() const { return dry_run || try_rates; }
};

/// Reads the arguments of the call. False when help was asked for and printed.
bool read_train_request(Invocation& call, TrainRequest& request);

/// What every rank must have before the first collective step of the run itself.
struct PreparedTraining {
  RunConfig config;
  bool has_begun = false;  ///< the output folder holds a checkpoint, as rank 0 found
  Device device;
  Dataset data;
  std::unique_ptr<TrainEvaluation> evaluation;  ///< beside the training, if asked for
  std::unique_ptr<model3d::Network> network;
  pipeline::RunIdentity identity;
};

/// Every rank ready, on the same configuration and list. `open_output`: what rank 0 does to the
/// output folder then; what it throws ends every rank. A collective call.
PreparedTraining prepare_together(RankJob& job,
                                  const TrainRequest& request,
                                  const std::function<void(const RunConfig&)>& open_output);

/// From the newest checkpoint of the output folder, or from model.weights, or from the seed; the
/// log says which. Writes nothing. A collective call.
void resume_or_start(const PreparedTraining& prepared,
                     pipeline::TrainState& state,
                     pipeline::Communicator& communicator);

/// Of the whole run, those before a resume too; at least 1.
std::int64_t total_steps(const pipeline::TrainOptions& options, std::int64_t samples);

}  // namespace larkspur::launch
