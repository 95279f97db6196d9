// SPDX-License-Identifier: Apache-2.0
// Calls that reach a backend of torch: what a device would have to do, counted on the CPU.
//
//   layer -- autograd -- [here] -- the CPU's kernel, and what that calls inside is not seen
//
// Views, allocations and questions about sizes are no work for a device and are left out.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace larkspur::testing {

/// Counts the calls of this thread, and of backward passes that it starts, while it lives. One at a
/// time.
class BackendCalls {
 public:
  BackendCalls();
  ~BackendCalls();
  BackendCalls(const BackendCalls&) = delete;
  BackendCalls& operator=(const BackendCalls&) = delete;

  /// By name of the op, as "aten::add_".
  const std::map<std::string, std::int64_t>& by_name() const;

 private:
  struct Keys;
  Keys* keys_;
};

}  // namespace larkspur::testing
