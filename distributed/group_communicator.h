// SPDX-License-Identifier: Apache-2.0
// Small facts between ranks, over a process group: what the loop knows as its communicator.
//
// Facts are bytes, so that the loop may send what it likes without this folder knowing: losses,
// statistics, stop requests. They should be small: every rank receives those of all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "distributed/transport/process_group.h"
#include "pipeline/communicator.h"

namespace larkspur::distributed {

/// Borrows the group, which must outlive it. One thread at a time.
class GroupCommunicator : public pipeline::Communicator {
 public:
  explicit GroupCommunicator(ProcessGroup& group) : group_(group) {}

  int rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }

  /// Two all_gathers: the lengths, then the bytes. Throws what ProcessGroup's operations throw.
  std::vector<std::string> all_gather(std::string_view mine) override;

 private:
  ProcessGroup& group_;
};

}  // namespace larkspur::distributed
