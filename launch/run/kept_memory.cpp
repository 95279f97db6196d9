// SPDX-License-Identifier: Apache-2.0
#include "launch/run/kept_memory.h"

#include <cstdlib>  // defines __GLIBC__ where that is the C library

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace larkspur::launch {

void keep_freed_memory() {
#if defined(__GLIBC__)
  // By default blocks of 128 KiB to 32 MiB and more are mapped and unmapped one by one.
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, -1);  // never
  ::mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void ask_for_huge_pages() { ::setenv("THP_MEM_ALLOC_ENABLE", "1", 0); }

}  // namespace larkspur::launch
