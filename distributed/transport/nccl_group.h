// SPDX-License-Identifier: Apache-2.0
// Ranks as GPUs over NCCL: device memory only. Part of liblarkspur_cuda.so; registers "nccl".
//
//   compute stream --event--> NCCL's own stream: grouped sends and receives --event--> wait()
//
// One grouped ncclSend and ncclRecv for each peer, as every transport here; the communicator is
// nonblocking, so that a peer that is gone shows at the deadline and not as a hang. How NCCL is
// meant to be used so: "Fault Tolerance" in its user guide.
#pragma once

#include <memory>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// The ranks of options.bootstrap, each with the current CUDA device, one GPU a rank; the id of the
/// communicator travels over the bootstrap group. A collective call. All pairs are connected before
/// it returns, so later calls start without the peers. wait() holds the calling thread until the
/// blocks have arrived. A block that differs in size between its two ends is not noticed before the
/// deadline. A broken or abandoned group aborts its communicator, for at most 5 s, and leaves it
/// behind then: the process should end soon. Throws kInvalidArgument without a bootstrap group,
/// kCollective or kDevice with NCCL's own text.
std::unique_ptr<ProcessGroup> make_nccl_group(const GroupOptions& options);

}  // namespace larkspur::distributed
