// SPDX-License-Identifier: Apache-2.0
// Device memory over a transport that knows host memory only: blocks are copied on the way.
//
//   send blocks --copy--> one host buffer --> host group --> one host buffer --copy--> receive
//   blocks
//
// For ranks that NCCL cannot serve (two on one GPU, a build without it). Exact like any transport,
// but the caller waits for its device before each operation.
#pragma once

#include <memory>

#include <c10/core/Device.h>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// A group whose blocks lie on `device` (a CPU too, in tests), over `host`, which must outlive it
/// and moves host memory. What is thrown is the host group's.
std::unique_ptr<ProcessGroup> make_staged_group(ProcessGroup& host, c10::Device device);

}  // namespace larkspur::distributed
