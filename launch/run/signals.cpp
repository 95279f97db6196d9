// SPDX-License-Identifier: Apache-2.0
#include "launch/run/signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>

#include <unistd.h>

namespace larkspur::launch {
namespace {

constexpr std::array<int, 5> kSignals{SIGUSR1, SIGUSR2, SIGINT, SIGHUP, SIGTERM};

std::atomic<pipeline::Requests*> current_requests{nullptr};  // what a handler can reach
std::atomic<bool> is_alone{false};                           // nobody else says what happens
std::array<struct sigaction, kSignals.size()> former_actions;

extern "C" void note_signal(int signal) {
  pipeline::Requests* requests = current_requests.load();
  if (requests == nullptr) return;
  if (signal == SIGUSR1) {
    requests->checkpoint.store(true);
  } else if (!requests->stop.exchange(true) && is_alone.load()) {
    constexpr std::string_view words =
        "larkspur: stops after the step under way, with a checkpoint\n";
    const int interrupted = errno;  // of whatever call the signal fell into
    if (::write(STDERR_FILENO, words.data(), words.size()) < 0) {
      // Nobody reads. The request stands.
    }
    errno = interrupted;
  }
}

}  // namespace

SignalRequests::SignalRequests(pipeline::Requests& requests, int ranks) {
  current_requests = &requests;
  is_alone = ranks == 1;
  struct sigaction action {};
  action.sa_handler = &note_signal;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    const bool ours = ranks == 1 || kSignals[i] == SIGUSR1 || kSignals[i] == SIGUSR2;
    ::sigaction(kSignals[i], nullptr, &former_actions[i]);
    const bool ignored = former_actions[i].sa_handler == SIG_IGN;
    if (ours && !ignored) ::sigaction(kSignals[i], &action, nullptr);
  }
}

SignalRequests::~SignalRequests() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &former_actions[i], nullptr);
  }
  current_requests = nullptr;
}

}  // namespace larkspur::launch
