// SPDX-License-Identifier: Apache-2.0
// New memory full of a byte that a test chooses: what is handed out without having been written
// then differs from one poison to the next instead of being zero by chance.
#pragma once

#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace larkspur::testing {

/// While it lives every new allocation of more than about a kilobyte is filled with `poison` (not
/// 0), in all threads and libraries. Where the C library cannot do that it does nothing.
class PoisonedMemory {
 public:
  explicit PoisonedMemory(int poison) { set(poison); }
  PoisonedMemory(const PoisonedMemory&) = delete;
  PoisonedMemory& operator=(const PoisonedMemory&) = delete;
  ~PoisonedMemory() { set(0); }

 private:
  static void set([[maybe_unused]] int poison) {
#if defined(__GLIBC__)
    mallopt(M_PERTURB, poison == 0 ? 0 : poison ^ 0xFF);  // it writes the complement
#endif
  }
};

}  // namespace larkspur::testing
