// SPDX-License-Identifier: Apache-2.0
// Ranks as the processes that mpirun started. Host memory only.
//
// Every MPI call is made by one communication thread. An operation is a nonblocking send and a
// nonblocking receive for each block on its way, so an error can name the ranks that are missing.
#pragma once

#include <memory>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// MPI_COMM_WORLD as a group, once in the life of a process: initialises MPI, and finalises it on
/// destruction. A group that was broken or abandoned, or that an exception unwinds, skips
/// MPI_Finalize: the process should then end soon, by _exit, with a code other than 0.
/// Messages above 1 GiB are split. Throws kInvalidArgument when MPI was used before in this process
/// or sees another world than the launcher told; kCollective when MPI fails to start; kUnsupported
/// in a build without MPI, naming the switch.
std::unique_ptr<ProcessGroup> make_mpi_group(const GroupOptions& options);

}  // namespace larkspur::distributed
