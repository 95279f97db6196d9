// SPDX-License-Identifier: Apache-2.0
// Preloaded into the program: a TERM that comes while its libraries start up.
#include <csignal>
#include <cstdlib>

#include <unistd.h>

namespace {

[[gnu::constructor]] void come_early() {
  ::unsetenv("LD_PRELOAD");  // for the program alone, not for what it starts
  ::kill(::getpid(), SIGTERM);
}

}  // namespace
