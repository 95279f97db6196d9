// SPDX-License-Identifier: Apache-2.0
// Signals to `launch` while the libraries behind it are initialised, which takes most of the time
// before main: they wait for its supervisor, which asks the job to stop, instead of ending it on
// the spot. What comes before that, while the loader maps the libraries, still does.
#include <csignal>
#include <string_view>

namespace larkspur::launch {
namespace {

void hold_signals(int argc, char** argv, char** /*environment*/) {
  if (argc < 2 || std::string_view(argv[1]) != "launch") return;
  sigset_t held;
  ::sigemptyset(&held);
  for (const int signal : {SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2}) ::sigaddset(&held, signal);
  ::sigprocmask(SIG_BLOCK, &held, nullptr);
}

/// What the loader calls before any library's initialisers; a program's own, so not in a library.
[[gnu::section(".preinit_array"),
  gnu::used]] void (*const kFirst)(int, char**, char**) = &hold_signals;

}  // namespace
}  // namespace larkspur::launch
