// SPDX-License-Identifier: Apache-2.0
// One thread a process that notices what does not end in time.
//
//   any thread:  watch(operation, deadline, poll) --> Watch ... the operation ... ~Watch
//   watchdog:                     sleeps until the next deadline; poll says "not ended" --> handler
//   any thread:  every(seconds, look) --> Watch ... ~Watch          look() again and again
//   meanwhile
//
// It watches and reports, no more: whether a late operation throws, is named in the log or ends the
// process is the handler's decision.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace larkspur::distributed {

/// What had not ended at its deadline.
struct Overdue {
  std::string operation;
  int rank = 0;
  double seconds = 0.0;  ///< since watch() was called, at least the deadline
};

/// What is watched. Poll and handler are called by the watchdog's thread, without a lock of its own
/// held; they must not throw, and while one runs no other watch is looked at: they should be short.
struct WatchRequest {
  std::string operation;            ///< for the report: "all_gather", "step 120, reduce"
  int rank = 0;                     ///< who waits
  double deadline_seconds = 0.0;    ///< > 0
  std::function<bool()> has_ended;  ///< the poll: asked once, at the deadline
  std::function<void(const Overdue&)> when_overdue;  ///< called once, right after, if it has not
};

class Watchdog;

/// While it lives, its operation is watched. Move-only. Destroying it ends that, and waits for a
/// poll or handler that is under way (unless it is that handler which destroys it): afterwards
/// neither is called, so they may refer to locals that outlive the Watch.
class Watch {
 public:
  Watch() = default;  ///< of nothing
  Watch(Watch&&) noexcept = default;
  Watch& operator=(Watch&& other) noexcept;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

 private:
  friend class Watchdog;
  struct Entry;
  explicit Watch(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
  void end() noexcept;

  std::shared_ptr<Entry> entry_;
};

/// Safe from any thread. Must outlive its watches.
class Watchdog {
 public:
  /// The process's own; its thread starts with the first watch.
  static Watchdog& of_process();

  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Throws kInvalidArgument when the deadline is not > 0.
  [[nodiscard]] Watch watch(WatchRequest request);

  /// Calls `look` about so often while the Watch lives, as poll and handler are called. Throws
  /// kInvalidArgument when `seconds` is not > 0.
  [[nodiscard]] Watch every(double seconds, std::function<void()> look);

 private:
  friend class Watch;
  struct State;
  Watch add(Watch::Entry made);

  std::shared_ptr<State> state_;
};

}  // namespace larkspur::distributed
