// SPDX-License-Identifier: Apache-2.0
// A disk that fails on command: the test program's own write, fsync, rename, mkdir, readdir,
// remove, unlink and unlinkat stand before the system's, for the whole process.
#pragma once

#include <string>

namespace larkspur::testing {

/// What happens at a call.
enum class DiskFault {
  kNone,
  kKill,      ///< the process dies of SIGKILL before the call
  kPowerCut,  ///< likewise, and files that were not synced lose their second half
  kNoSpace,   ///< a write puts a part of its bytes down, the next and all other calls fail: ENOSPC
  kIoError,   ///< this call and all later ones fail: EIO
  kShort,     ///< this write and all later ones take one byte less than they are given
  kHold,      ///< this call and all later ones wait until release_disk()
};

/// From the call number `at` (from 0) of those that concern names with `part` in them. The counts
/// begin anew. Not while other threads make such calls.
void plan_disk_fault(DiskFault fault, int at, const std::string& part);

/// Back to a sound disk; calls that wait go on.
void release_disk();

/// Calls counted so far, by all processes that were forked since the plan.
int disk_calls();

/// The folder of the last manifest that was renamed into place, by any of them; empty: none.
std::string last_committed();

}  // namespace larkspur::testing
