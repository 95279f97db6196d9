// SPDX-License-Identifier: Apache-2.0
// Memory as a training step wants it, which asks for the same large sizes again and again.
#pragma once

namespace larkspur::launch {

/// Freed memory stays with the process: giving it back each time costs a page fault for every
/// 4 KiB. Does nothing where the C library is not glibc, or where a sanitizer has replaced its
/// allocator. Call once, before threads start.
void keep_freed_memory();

/// Tensors from 2 MiB on lie in pages of that size where the system lets a process ask for them
/// (transparent huge pages, `madvise`): a page's address is looked up 512 times less often. Only
/// tensors made from then on. THP_MEM_ALLOC_ENABLE, PyTorch's own name for it, set to 0 leaves them
/// small. Call once, before the first tensor and before threads start.
void ask_for_huge_pages();

}  // namespace larkspur::launch
