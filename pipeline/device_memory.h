// SPDX-License-Identifier: Apache-2.0
// Memory of a GPU that ran out where nobody was told.
//
// cuDNN's algorithms need room to work in. When there is none, torch takes the next algorithm and
// keeps it: the step succeeds, with other bits than on a rank that had the room. Its allocator
// counts.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// Watches the allocator of one device from its making on. Nothing to watch on a CPU.
class MemoryShortage {
 public:
  explicit MemoryShortage(at::Device device);

  /// Throws kDevice naming the step when an allocation has failed since the last call.
  void require_none(std::int64_t step);

 private:
  std::int64_t failures() const;

  at::Device device_;
  std::int64_t seen_;
};

}  // namespace larkspur::pipeline
