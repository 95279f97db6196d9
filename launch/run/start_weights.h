// SPDX-License-Identifier: Apache-2.0
// The weights that a training starts from, and whether their head means the same classes; those
// that an evaluation scores as they are.
//
//   class names there and here       model.new_head: auto            false             true
//   the same                         their head                      their head        a new one
//   the same in another order        their head, rows by name        the same          a new one
//   others, as many                  a new one                       their head        a new one
//   none there, as many              their head, row by row          the same          a new one
//   another number                   a new one                       a new one         a new one
#pragma once

#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "model3d/network.h"
#include "pipeline/communicator.h"

namespace larkspur::launch {

/// model.weights and model.view_weights into the network of a training on these classes; the log
/// says which head it has and why. Throws as open_weights() and fill_from_weights() do, and
/// kInvalidArgument where the two do not make up a joint network.
void fill_network(const RunConfig& config,
                  const std::vector<std::string>& classes,
                  model3d::Network& network);

/// fill_network() on every rank, if weights are asked for. A collective call. Throws on all ranks
/// where one cannot, or has read other values than the rest.
void start_from_weights(const RunConfig& config,
                        const std::vector<std::string>& classes,
                        model3d::Network& network,
                        pipeline::Communicator& communicator);

/// model.weights into a network that is to be scored as the file has it, head included, its rows in
/// the order of these classes. Throws kInvalidArgument where the file names other classes or has
/// another number of them, or is one half of a joint network. A collective call, and as above.
void score_weights(const RunConfig& config,
                   const std::vector<std::string>& classes,
                   model3d::Network& network,
                   pipeline::Communicator& communicator);

}  // namespace larkspur::launch
