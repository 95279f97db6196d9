// SPDX-License-Identifier: Apache-2.0
// The other ranks, for small facts: losses, statistics, stop requests, bad samples, shard tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace larkspur::pipeline {

/// One thread at a time; every rank makes the same calls in the same order.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Every rank's bytes, by rank; lengths may differ. Also a barrier.
  /// Throws kCollective when a peer is lost or late.
  virtual std::vector<std::string> all_gather(std::string_view mine) = 0;

 protected:
  Communicator() = default;
  Communicator(const Communicator&) = default;
  Communicator& operator=(const Communicator&) = default;
};

}  // namespace larkspur::pipeline
