// SPDX-License-Identifier: Apache-2.0
// One rank of a whole training without files, with the exchange that jobs use.
#pragma once

#include "distributed/group_communicator.h"
#include "distributed/tree_exchange.h"
#include "pipeline/train/trainer.h"
#include "tests/support/toy_run.h"

namespace larkspur::testing {

/// Trains `network`, whose state is `state`, to the end on this rank's lanes of `source`. A
/// collective call of every rank of `group`.
inline void train_rank(distributed::ProcessGroup& group,
                       pipeline::Classifier& network,
                       const pipeline::SampleSource& source,
                       pipeline::TrainState& state,
                       const pipeline::TrainOptions& options) {
  distributed::GroupCommunicator communicator(group);
  distributed::TreeExchange exchange(
      group, state.parameters, pipeline::lanes_of_rank(group.rank(), group.size(), options.lanes));
  RecordingSink sink;
  pipeline::Requests requests;
  pipeline::TrainParts parts{
      {network, state, exchange, communicator}, source, sink, requests, nullptr, [] {}};
  pipeline::train(options, parts);
}

}  // namespace larkspur::testing
