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

WatchClock::duration duration_of(double seconds, const std::string& what) {
  pipeline::require(seconds > 0.0,
                    pipeline::Errc::kInvalidArgument,
                    "[watchdog] ",
                    what,
                    " is ",
                    seconds,
                    " s, not > 0");
  return std::chrono::duration_cast<WatchClock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

struct Watch::Entry {
  std::function<void()> look;
  WatchClock::time_point deadline;  ///< when to look
  WatchClock::duration period;      ///< and when again; 0: never
  std::shared_ptr<Watchdog::State> home;
  bool has_ended = false;  ///< nobody watches any more; under the lock
};

struct Watchdog::State {
  using Entry = std::shared_ptr<Watch::Entry>;

  std::mutex mutex;
  std::condition_variable changed;
  std::multimap<WatchClock::time_point, Entry> by_deadline;
  Entry at_work;  ///< who is looked at now, outside the lock
  bool closing = false;
  std::thread thread;

  void run();
  void look_at(const Entry& entry, std::unique_lock<std::mutex>& lock);
  void add(const Entry& entry);
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
  entry->look();
  lock.lock();
  at_work = nullptr;
  if (entry->period > WatchClock::duration::zero() && !entry->has_ended) {
    entry->deadline = WatchClock::now() + entry->period;
    add(entry);
  }
  changed.notify_all();
}

/// Under the lock. Most watches end long before their deadline: the thread is woken only where it
/// sleeps too long.
void Watchdog::State::add(const Entry& entry) {
  const auto at = by_deadline.emplace(entry->deadline, entry);
  if (at == by_deadline.begin()) changed.notify_all();
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
  entry_->has_ended = true;
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
  const auto patience =
      duration_of(request.deadline_seconds, "the deadline of " + request.operation);
  const auto start = WatchClock::now();
  const auto look = [asked = std::move(request), start] {
    if (asked.has_ended()) return;
    const std::chrono::duration<double> passed = WatchClock::now() - start;
    asked.when_overdue({asked.operation, asked.rank, passed.count()});
  };
  return add({look, start + patience, {}, state_});
}

Watch Watchdog::every(double seconds, std::function<void()> look) {
  const auto period = duration_of(seconds, "a period");
  return add({std::move(look), WatchClock::now() + period, period, state_});
}

Watch Watchdog::add(Watch::Entry made) {
  auto entry = std::make_shared<Watch::Entry>(std::move(made));
  const std::lock_guard lock(state_->mutex);
  if (!state_->thread.joinable()) {
    state_->thread = std::thread([state = state_.get()] { state->run(); });
  }
  state_->add(entry);
  return Watch(std::move(entry));
}

}  // namespace larkspur::distributed
