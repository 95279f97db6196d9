// SPDX-License-Identifier: Apache-2.0
// Freed memory stays with the process: a training step asks for the same sizes again and again, and
// giving them back each time costs a page fault for every 4 KiB.
#pragma once

namespace larkspur::launch {

/// Call once, before threads start. Does nothing where the C library is not glibc, or where a
/// sanitizer has replaced its allocator.
void keep_freed_memory();

}  // namespace larkspur::launch
