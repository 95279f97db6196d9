// SPDX-License-Identifier: Apache-2.0
// A group of one: every operation is done when it is issued, so one rank and many share one path.
#pragma once

#include <memory>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// Rank 0 of 1. Nothing is ever waited for, so the deadline has no effect.
/// Throws kInvalidArgument for options that do not pass their check.
std::unique_ptr<ProcessGroup> make_solo_group(const GroupOptions& options);

}  // namespace larkspur::distributed
