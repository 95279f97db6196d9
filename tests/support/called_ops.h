// SPDX-License-Identifier: Apache-2.0
// Which of the dispatcher's ops are called.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/record_function.h>

namespace larkspur::testing {

/// Names of ops that begin with `prefix` and were called in this thread, while it lives. One at a
/// time.
class CalledOps {
 public:
  explicit CalledOps(std::string prefix) {
    wanted() = std::move(prefix);
    seen().clear();
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback([](const at::RecordFunction& call)
                                       -> std::unique_ptr<at::ObserverContext> {
          const std::string name = call.name();
          if (name.starts_with(wanted())) seen().push_back(name);
          return nullptr;
        }).scopes({at::RecordScope::FUNCTION}));
  }
  ~CalledOps() { at::removeCallback(handle_); }
  CalledOps(const CalledOps&) = delete;
  CalledOps& operator=(const CalledOps&) = delete;

  static std::vector<std::string>& seen() {
    static thread_local std::vector<std::string> names;
    return names;
  }

 private:
  static std::string& wanted() {
    static thread_local std::string prefix;
    return prefix;
  }

  at::CallbackHandle handle_;
};

}  // namespace larkspur::testing
