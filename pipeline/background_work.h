// SPDX-License-Identifier: Apache-2.0
// Work in a thread of its own, whose result is asked for rather than waited for.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>

namespace larkspur::pipeline {

/// One piece of work at a time. One thread calls it; the work must own what it touches.
class BackgroundWork {
 public:
  BackgroundWork() = default;

  /// Waits five seconds for work under way, then leaves it behind: a disk that hangs must not keep
  /// a process that ends.
  ~BackgroundWork();
  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;

  /// Only where nothing is under way.
  void start(std::function<std::string()> work);

  /// Started, and its result not yet taken.
  bool is_under_way() const { return result_.valid(); }

  /// The result once it is there, once; throws what the work threw.
  std::optional<std::string> take();

  /// Until the result is there, but no longer than this. Returns at once where nothing is under
  /// way.
  void wait(double seconds) const;

 private:
  bool is_done() const;

  std::thread thread_;
  std::future<std::string> result_;
};

}  // namespace larkspur::pipeline
