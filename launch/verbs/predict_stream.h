// SPDX-License-Identifier: Apache-2.0
// `predict` on a stream: a line a window, as soon as it is known.
#pragma once

#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/verbs/predict_request.h"
#include "pipeline/classifier.h"
#include "pipeline/communicator.h"

namespace larkspur::launch {

/// The trained network, and what its run says of samples.
struct StreamPredictor {
  const RunConfig& config;
  const std::vector<std::string>& classes;
  pipeline::Classifier& network;  ///< as evaluation wants it
  pipeline::Communicator& communicator;
};

/// Reads to the stream's end, or until the call's stream of results takes no more. Throws
/// kInvalidArgument where the run is of clouds, several ranks would read, or windows are too long;
/// what opening a stream throws; kCorruptData, behind the windows of what came, where the stream
/// breaks off or is damaged.
void predict_stream(Invocation& call,
                    const PredictRequest& request,
                    const StreamPredictor& predictor);

}  // namespace larkspur::launch
