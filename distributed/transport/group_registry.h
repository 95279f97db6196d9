// SPDX-License-Identifier: Apache-2.0
// Transports by name, and the choice of one. A transport in another shared library registers itself
// when that library is loaded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

using GroupFactory = std::function<std::unique_ptr<ProcessGroup>(const GroupOptions&)>;

/// Adds a transport beside "mpi" and "solo". Throws kInvalidArgument when the name is taken or is
/// "auto". Safe from any thread.
void register_group(const std::string& name, const GroupFactory& factory);

/// Registered names, sorted.
std::vector<std::string> group_names();

/// The group of this process, by options.transport; "auto" is mpi when a launcher started this
/// process (see rank_env.h), else solo. Throws kUnsupported listing the names when there is no such
/// transport, and what the transport's own factory throws.
std::unique_ptr<ProcessGroup> make_process_group(const GroupOptions& options);

}  // namespace larkspur::distributed
