// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process, for tests: deterministic, without mpirun, fit for sanitizers.
//
// Whoever issues an operation second copies the message between the two callers' blocks, so nothing
// is buffered: a block that is touched before wait() gives wrong data, as it would over MPI.
#pragma once

#include <memory>
#include <vector>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// The `ranks` members of one group, by rank; each may be moved to a thread of its own. A rank that
/// is abandoned, destroyed, or was too late makes those that wait for it throw kCollective at once.
/// Ranks that issue different operations as their n-th, or blocks of different sizes, make all
/// ranks throw kInvalidArgument naming both. With options.reads_memory they read each other's
/// memory through the kernel, as processes do. Throws kInvalidArgument when ranks < 1.
std::vector<std::unique_ptr<ProcessGroup>> make_thread_groups(int ranks,
                                                              const GroupOptions& options);

}  // namespace larkspur::distributed
