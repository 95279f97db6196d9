// SPDX-License-Identifier: Apache-2.0
#include "launch/run/signals.h"

#include <array>
#include <atomic>
#include <csignal>

namespace larkspur::launch {
namespace {

constexpr std::array<int, 5> kSignals{SIGUSR1, SIGUSR2, SIGINT, SIGHUP, SIGTERM};

std::atomic<pipeline::Requests*> current_requests{nullptr};  // what a handler can reach
std::array<struct sigaction, kSignals.size()> former_actions;

extern "C" void note_signal(int signal) {
  pipeline::Requests* requests = current_requests.load();
  if (requests == nullptr) return;
  (signal == SIGUSR1 ? requests->checkpoint : requests->stop).store(true);
}

}  // namespace

SignalRequests::SignalRequests(pipeline::Requests& requests, int ranks) {
  current_requests = &requests;
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
