// SPDX-License-Identifier: Apache-2.0
// The small facts of one step that ranks tell one another, by lane, so that all decide alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/communicator.h"
#include "pipeline/sample.h"

namespace larkspur::pipeline {

struct Batch;

/// One rank's lanes, or after all_gather() all lanes of the job in lane order. A plain value.
struct StepStats {
  std::vector<double> loss;           ///< [lanes] each lane's loss
  std::int64_t samples = 0;           ///< good samples, each of their views
  std::int64_t nominal = 0;           ///< with those of unreadable ones
  std::int64_t correct = 0;           ///< of these, where the largest logit was the label
  std::vector<BadSample> bad;         ///< in order of position
  bool checkpoint_requested = false;  ///< some rank was asked to save
  bool stop_requested = false;        ///< some rank was asked to save and leave
  std::vector<std::string> saving;    ///< [ranks] what each rank's saver told (state_saver.h)

  void add(const Batch& batch);  ///< counts its samples, good and bad
};

/// Gathers the facts of all ranks and joins them in rank order, which is lane order. Collective.
StepStats all_gather(const StepStats& mine, Communicator& communicator);

}  // namespace larkspur::pipeline
