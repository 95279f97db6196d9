// SPDX-License-Identifier: Apache-2.0
#include "launch/run/kept_memory.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace larkspur::launch {
namespace {

constexpr long kPageBytes = 4096;
constexpr long kPages = 48 * 256;

/// Page faults of writing to every page of a new block of 48 MiB.
long faults_of_a_block() {
  rusage before{};
  ::getrusage(RUSAGE_THREAD, &before);
  auto* block = static_cast<volatile char*>(std::malloc(kPages * kPageBytes));
  for (long page = 0; page < kPages; ++page) block[page * kPageBytes] = 1;
  std::free(const_cast<char*>(block));
  rusage after{};
  ::getrusage(RUSAGE_THREAD, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(KeptMemory, AFreedBlockIsNotFaultedInAgain) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "another allocator than that of glibc";
#endif
  keep_freed_memory();
  faults_of_a_block();
  EXPECT_LT(faults_of_a_block(), kPages / 10);
}

}  // namespace
}  // namespace larkspur::launch
