// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/watchdog.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using WatchClock = std::chrono::steady_clock;

}  // namespace

struct Watch::Entry {
  WatchRequest request;
  WatchClock::time_point start;
  WatchClock::time_point deadline;
  std::shared_ptr<Watchdog::State> home;
};

struct Watchdog::State {
  using Entry = std::shared_ptr<Watch::Entry>;

  std::mutex mutex;
  std::condition_variable changed;
  std::multimap<WatchClock::time_point, Entry> by_deadline;
  Entry at_work;  ///< whose poll or handler runs now, outside the lock
  bool closing = false;
  std::thread thread;

  void run();
  void look_at(const Entry& entry, std::unique_lock<std::mutex>& lock);
};

void Watchdog::State::run() {
  std::unique_lock lock(mutex);
  while (!closing) {
    if (by_deadline.empty()) {
      changed.wait(lock);
      continue;
    }
    const auto first = by_deadline.begin();
    const WatchClock::time_point deadline = first->first;
    if (WatchClock::now() < deadline) {
      changed.wait_until(lock, deadline);
      continue;
    }
    const Entry entry = first->second;
    by_deadline.erase(first);
    look_at(entry, lock);
  }
}

void Watchdog::State::look_at(const Entry& entry, std::unique_lock<std::mutex>& lock) {
  at_work = entry;
  lock.unlock();
  const WatchRequest& request = entry->request;
  if (!request.has_ended()) {
    const std::chrono::duration<double> passed = WatchClock::now() - entry->start;
    request.when_overdue({request.operation, request.rank, passed.count()});
  }
  lock.lock();
  at_work = nullptr;
  changed.notify_all();
}

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this == &other) return *this;
  end();
  entry_ = std::move(other.entry_);
  return *this;
}

Watch::~Watch() { end(); }

void Watch::end() noexcept {
  if (!entry_) return;
  Watchdog::State& home = *entry_->home;
  std::unique_lock lock(home.mutex);
  const auto [first, last] = home.by_deadline.equal_range(entry_->deadline);
  for (auto at = first; at != last; ++at) {
    if (at->second != entry_) continue;
    home.by_deadline.erase(at);
    break;
  }
  if (home.thread.get_id() != std::this_thread::get_id()) {
    home.changed.wait(lock, [&] { return home.at_work != entry_; });
  }
  lock.unlock();
  entry_.reset();
}

Watchdog& Watchdog::of_process() {
  static Watchdog watchdog;
  return watchdog;
}

Watchdog::Watchdog() : state_(std::make_shared<State>()) {}

Watchdog::~Watchdog() {
  std::unique_lock lock(state_->mutex);
  state_->closing = true;
  state_->changed.notify_all();
  lock.unlock();
  if (state_->thread.joinable()) state_->thread.join();
}

Watch Watchdog::watch(WatchRequest request) {
  pipeline::require(request.deadline_seconds > 0.0,
                    pipeline::Errc::kInvalidArgument,
                    "[watchdog] the deadline of ",
                    request.operation,
                    " is ",
                    request.deadline_seconds,
                    " s, not > 0");
  const auto start = WatchClock::now();
  const auto deadline = start + std::chrono::duration_cast<WatchClock::duration>(
                                    std::chrono::duration<double>(request.deadline_seconds));
  auto entry =
      std::make_shared<Watch::Entry>(Watch::Entry{std::move(request), start, deadline, state_});
  const std::lock_guard lock(state_->mutex);
  if (!state_->thread.joinable()) {
    state_->thread = std::thread([state = state_.get()] { state->run(); });
  }
  const auto at = state_->by_deadline.emplace(deadline, entry);
  // Most watches end long before their deadline: the thread is woken only where it sleeps too long.
  if (at == state_->by_deadline.begin()) state_->changed.notify_all();
  return Watch(std::move(entry));
}

}  // namespace larkspur::distributed
