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

/// Rank 0: an end to every other rank, by rank. The others: one, to rank 0. Addresses of rank 0's
/// interfaces are told through `ranks` and tried one after the other, loopback on its own host; a
/// random word keeps strangers out. Takes at most about ten seconds. A collective call.
std::vector<StarEnd> connect_star(pipeline::Communicator& ranks);

/// The name of this host.
std::string host_name();

}  // namespace larkspur::distributed
