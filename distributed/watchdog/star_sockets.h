// SPDX-License-Identifier: Apache-2.0
// TCP between rank 0 and every other rank, for the small messages of the watchdog.
#pragma once

#include <string>
#include <vector>

#include "pipeline/communicator.h"
#include "pipeline/storage/file_descriptor.h"

namespace larkspur::distributed {

/// A connected end: whom it reaches, and on which host.
struct StarEnd {
  int rank = 0;
  std::string host;
  pipeline::FileDescriptor socket{};  ///< nonblocking; none: could not be reached
};

/// Rank 0: an end to every other rank, by rank. The others: one, to rank 0. Where all ranks share
/// a host rank 0 listens on its loopback alone; else on all interfaces, whose addresses are told
/// through `ranks` and tried one after the other, loopback first on its own host. A random word,
/// which rank 0 repeats, keeps strangers out on both sides. Returns when all ranks are through,
/// after at most about ten seconds. A collective call.
std::vector<StarEnd> connect_star(pipeline::Communicator& ranks);

/// The name of this host.
std::string host_name();

}  // namespace larkspur::distributed
