// SPDX-License-Identifier: Apache-2.0
// The two things the lane tree does with runs of float32: copy and add, in host or device memory.
//
// An addition of floats has one result wherever it is done, so a tree has the same bits on a GPU.
#pragma once

#include <cstdint>

#include <c10/core/Device.h>

#include "pipeline/flat_layout.h"

namespace larkspur::distributed {

/// A value. On a GPU both are queued on the current stream of the calling thread.
class FlatSums {
 public:
  explicit FlatSums(c10::Device device) : device_(device) {}

  /// to[0..count) = from[0..count); no overlap.
  void copy(float* to, const float* from, std::int64_t count) const;

  /// sum[i] = sum[i] + summand[i], in this order.
  void add(float* sum, const float* summand, std::int64_t count) const;

  /// How many of `whole` elements to work on before going on to the next: a chunk that stays in the
  /// cache of a CPU; all of it on a GPU, where each call costs a launch.
  std::int64_t run_of(std::int64_t whole) const {
    return device_.is_cpu() || whole == 0 ? pipeline::kChunkElements : whole;
  }

 private:
  c10::Device device_;
};

}  // namespace larkspur::distributed
