// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/thread_group.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <unistd.h>

#include "distributed/transport/exchange.h"
#include "distributed/transport/peer_memory.h"
#include "distributed/watchdog/watchdog.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::Error;

/// One rank's side of one operation.
struct Side {
  Exchange exchange;
  int rank = 0;
  std::vector<int> missing;  ///< peers whose message has not been copied, either way
};

/// What the ranks of a group share. Every member function takes the lock itself.
class Hub {
 public:
  Hub(int ranks, double deadline_seconds)
      : deadline_seconds_(deadline_seconds),
        issued_(static_cast<std::size_t>(ranks)),
        gone_(static_cast<std::size_t>(ranks)) {}

  std::shared_ptr<Side> post(int rank, Exchange exchange);
  void wait(const Side& side);
  void leave(int rank) noexcept;
  void leave_unless_done(const Side& side) noexcept;

 private:
  using Round = std::vector<std::shared_ptr<Side>>;

  static void meet(Side& mine, Side& theirs);
  static void copy(const Side& from, const Side& to);
  void leave_locked(int rank) noexcept;
  Watch watch_until_settled(const Side& side, bool& late);
  bool is_settled(const Side& side) const;
  std::vector<int> gone_of(const std::vector<int>& peers) const;

  const double deadline_seconds_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<std::uint64_t> issued_;      // operations so far, by rank
  std::vector<bool> gone_;                 // by rank
  std::map<std::uint64_t, Round> rounds_;  // by place in the order; a side is null until posted
  std::optional<Error> failure_;           // the ranks disagree about an operation
};

std::shared_ptr<Side> Hub::post(int rank, Exchange exchange) {
  const std::lock_guard lock(mutex_);
  const auto me = static_cast<std::size_t>(rank);
  if (failure_) throw broken_error(exchange.operation, rank, *failure_);
  if (gone_[me]) {
    throw broken_error(exchange.operation, rank, {Errc::kCollective, "this rank has left"});
  }
  const std::uint64_t place = issued_[me]++;
  Round& round = rounds_[place];
  round.resize(gone_.size());
  auto side = std::make_shared<Side>(Side{std::move(exchange), rank, {}});
  for (int peer = 0; peer < static_cast<int>(gone_.size()); ++peer) {
    const bool linked =
        side->exchange.has_message(rank, peer) || side->exchange.has_message(peer, rank);
    if (linked) side->missing.push_back(peer);
  }
  try {
    for (const auto& theirs : round) {
      if (theirs) meet(*side, *theirs);
    }
  } catch (const Error& error) {
    failure_ = error;
    news_.notify_all();
    throw;
  }
  round[me] = side;
  if (std::all_of(round.begin(), round.end(), [](const auto& each) { return each != nullptr; })) {
    rounds_.erase(place);
  }
  news_.notify_all();
  return side;
}

// The second of two ranks to come to an operation copies both ways, under the lock: the first one's
// blocks are whole since it posted them, and stay so until its wait() returns.
void Hub::meet(Side& mine, Side& theirs) {
  const Operation operation = mine.exchange.operation;
  pipeline::require(operation == theirs.exchange.operation &&
                        mine.exchange.root == theirs.exchange.root &&
                        mine.exchange.route == theirs.exchange.route,
                    Errc::kInvalidArgument,
                    "[",
                    name_of(operation),
                    "] rank ",
                    mine.rank,
                    " (root ",
                    mine.exchange.root,
                    ") meets ",
                    name_of(theirs.exchange.operation),
                    " of rank ",
                    theirs.rank,
                    " (root ",
                    theirs.exchange.root,
                    ")");
  copy(mine, theirs);
  copy(theirs, mine);
  std::erase(mine.missing, theirs.rank);
  std::erase(theirs.missing, mine.rank);
}

void Hub::copy(const Side& from, const Side& to) {
  if (!from.exchange.has_message(from.rank, to.rank)) return;
  const ConstBlock source = from.exchange.sends[static_cast<std::size_t>(to.rank)];
  const Block target = to.exchange.receives[static_cast<std::size_t>(from.rank)];
  pipeline::require(source.size() == target.size(),
                    Errc::kInvalidArgument,
                    "[",
                    name_of(from.exchange.operation),
                    "] rank ",
                    from.rank,
                    " sends ",
                    source.size(),
                    " bytes, rank ",
                    to.rank,
                    " expects ",
                    target.size());
  if (!source.empty()) std::memcpy(target.data(), source.data(), source.size());
}

void Hub::wait(const Side& side) {
  const Operation operation = side.exchange.operation;
  bool late = false;  // under the lock
  const Watch watch = watch_until_settled(side, late);
  std::unique_lock lock(mutex_);
  news_.wait(lock, [&] { return late || is_settled(side); });
  if (side.missing.empty()) return;
  // Not done: this rank's blocks are about to go, so it has to leave.
  const std::vector<int> lost = gone_of(side.missing);
  leave_locked(side.rank);
  if (failure_) throw broken_error(operation, side.rank, *failure_);
  if (lost.empty()) throw late_error(operation, side.rank, deadline_seconds_, side.missing);
  throw lost_error(operation, side.rank, deadline_seconds_, lost);
}

/// Nothing to watch where the others have been here already.
Watch Hub::watch_until_settled(const Side& side, bool& late) {
  {
    const std::lock_guard lock(mutex_);
    if (is_settled(side)) return {};
  }
  return Watchdog::of_process().watch({std::string(name_of(side.exchange.operation)),
                                       side.rank,
                                       deadline_seconds_,
                                       [this, &side] {
                                         const std::lock_guard lock(mutex_);
                                         return is_settled(side);
                                       },
                                       [this, &late](const Overdue&) {
                                         const std::lock_guard lock(mutex_);
                                         late = true;
                                         news_.notify_all();
                                       }});
}

/// Done, or never to be done.
bool Hub::is_settled(const Side& side) const {
  return side.missing.empty() || failure_ || !gone_of(side.missing).empty();
}

std::vector<int> Hub::gone_of(const std::vector<int>& peers) const {
  std::vector<int> gone;
  std::copy_if(peers.begin(), peers.end(), std::back_inserter(gone), [this](int peer) {
    return gone_[static_cast<std::size_t>(peer)];
  });
  return gone;
}

void Hub::leave(int rank) noexcept {
  const std::lock_guard lock(mutex_);
  leave_locked(rank);
}

void Hub::leave_unless_done(const Side& side) noexcept {
  const std::lock_guard lock(mutex_);
  if (!side.missing.empty()) leave_locked(side.rank);
}

// The blocks of a rank that leaves go with it: its sides must not be met any more.
void Hub::leave_locked(int rank) noexcept {
  gone_[static_cast<std::size_t>(rank)] = true;
  for (auto& [place, round] : rounds_) round[static_cast<std::size_t>(rank)] = nullptr;
  news_.notify_all();
}

class ThreadWork : public Pending::Work {
 public:
  ThreadWork(std::shared_ptr<Hub> hub, std::shared_ptr<Side> side)
      : hub_(std::move(hub)), side_(std::move(side)) {}

  void wait() override { hub_->wait(*side_); }
  void abandon() noexcept override { hub_->leave_unless_done(*side_); }

 private:
  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Side> side_;
};

class ThreadGroup : public ProcessGroup {
 public:
  ThreadGroup(int rank, const HostMap& hosts, std::shared_ptr<Hub> hub, bool reads_memory)
      : ProcessGroup(rank, hosts), hub_(std::move(hub)), reads_memory_(reads_memory) {}
  ~ThreadGroup() override { hub_->leave(rank()); }
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  void abandon() noexcept override { hub_->leave(rank()); }

 protected:
  /// Through the kernel, not by memcpy: what a rank that fails leaves behind is not there any more.
  std::int64_t process_of(int peer) const noexcept override {
    const bool shares_host = hosts().host_of(peer) == hosts().host_of(rank());
    return reads_memory_ && shares_host && peer != rank() ? ::getpid() : 0;
  }

  Pending start(Exchange exchange) override {
    auto side = hub_->post(rank(), std::move(exchange));
    return Pending(std::make_unique<ThreadWork>(hub_, std::move(side)));
  }

 private:
  std::shared_ptr<Hub> hub_;
  bool reads_memory_;
};

/// In a sandbox that forbids it they do not.
bool may_read_itself() {
  const std::uint64_t word = draw_word();
  return may_read(card_of(word));
}

}  // namespace

std::vector<std::unique_ptr<ProcessGroup>> make_thread_groups(int ranks,
                                                              const GroupOptions& options) {
  options.check();
  pipeline::require(
      ranks >= 1, Errc::kInvalidArgument, "[thread_group] ", ranks, " ranks, not >= 1");
  const HostMap hosts = options.hosts.empty() ? HostMap(ranks) : HostMap(options.hosts);
  pipeline::require(hosts.ranks() == ranks,
                    Errc::kInvalidArgument,
                    "[thread_group] hosts of ",
                    hosts.ranks(),
                    " ranks, there are ",
                    ranks);
  const auto hub = std::make_shared<Hub>(ranks, options.deadline_seconds);
  const bool reads_memory = options.reads_memory && may_read_itself();
  std::vector<std::unique_ptr<ProcessGroup>> groups;
  groups.reserve(static_cast<std::size_t>(ranks));
  for (int rank = 0; rank < ranks; ++rank) {
    groups.push_back(std::make_unique<ThreadGroup>(rank, hosts, hub, reads_memory));
  }
  return groups;
}

}  // namespace larkspur::distributed
