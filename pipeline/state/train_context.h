// SPDX-License-Identifier: Apache-2.0
// What one rank trains with: handed from the trainer to its steps and measurements as one thing.
#pragma once

#include "pipeline/classifier.h"
#include "pipeline/communicator.h"
#include "pipeline/gradient_exchange.h"
#include "pipeline/lanes.h"
#include "pipeline/precision.h"
#include "pipeline/state/train_state.h"

namespace larkspur::pipeline {

class ArrivingValues;
class LockstepLanes;

/// References outlive whoever holds the context. Its copies stand for the same run.
struct TrainContext {
  Classifier& classifier;
  TrainState& state;
  GradientExchange& exchange;
  Communicator& communicator;
  Lanes lanes{};  ///< this rank's
  Precision precision = Precision::kFloat32;
  LockstepLanes* lockstep = nullptr;   ///< BatchNorm over all lanes; null: each lane by itself
  ArrivingValues* arriving = nullptr;  ///< where a step leaves its new weights; null: it waits
};

}  // namespace larkspur::pipeline
