// SPDX-License-Identifier: Apache-2.0
// What somebody outside (a signal) asks of a running loop.
#pragma once

#include <atomic>

namespace larkspur::pipeline {

/// Wishes from outside (signals); may be set from a signal handler at any time.
struct Requests {
  std::atomic<bool> checkpoint{false};  ///< save after the step that is under way and go on
  std::atomic<bool> stop{false};        ///< save after the step that is under way and leave
};

}  // namespace larkspur::pipeline
