// SPDX-License-Identifier: Apache-2.0
// Ranks as GPUs over NCCL: device memory only. Part of liblarkspur_cuda.so; registers "nccl".
//
//   compute stream --event--> NCCL's own stream: grouped sends and receives --event--> what the
//                                                               compute stream is given after
//                                                               wait()
//
// One grouped ncclSend and ncclRecv for each peer, as every transport here. wait() orders streams
// and returns; nccl_link.h says who notices a peer that is gone.
#pragma once

#include <memory>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// The ranks of options.bootstrap, each with the current CUDA device, one GPU a rank; the id of the
/// communicator travels over the bootstrap group. A collective call. All pairs are connected before
/// it returns, so later calls start without the peers. A peer that is lost, and at the deadline one
/// that is late or whose block has another size, is noticed by the watchdog of the process and told
/// to options.on_failure. A broken or abandoned group aborts its communicator, for at most 5 s, and
/// leaves it behind then: the process should end soon. Throws kInvalidArgument without a bootstrap
/// group, kCollective or kDevice with NCCL's own text.
std::unique_ptr<ProcessGroup> make_nccl_group(const GroupOptions& options);

}  // namespace larkspur::distributed
