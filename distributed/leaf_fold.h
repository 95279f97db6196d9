// SPDX-License-Identifier: Apache-2.0
// Adds sums of adjacent subtrees, from wherever they lie, by the fixed steps of lane_tree.h.
//
//   leaves: here, or in the memory of a peer --a window at a time--> the cache --> sums
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "distributed/flat_sums.h"
#include "distributed/lane_tree.h"
#include "distributed/transport/process_group.h"
#include "pipeline/flat_layout.h"

namespace larkspur::distributed {

/// The sum of one subtree, for some elements.
struct Leaf {
  const float* here = nullptr;           ///< [elements]; null: to be fetched
  int rank = 0;                          ///< from it
  const std::uint64_t* there = nullptr;  ///< the address that it tells
  std::int64_t offset = 0;               ///< floats behind that
  std::int64_t number = 0;               ///< of those that are fetched together
};

/// Takes a run of one leaf into the held sums; sum_at(slot) is where a sum lies.
template <typename SumAt>
void take_leaf(const FlatSums& sums,
               const FoldStep& step,
               const float* leaf,
               std::int64_t count,
               const SumAt& sum_at) {
  float* sum = sum_at(step.slot);
  if (step.adds) {
    sums.add(sum, leaf, count);
  } else {
    sums.copy(sum, leaf, count);
  }
  for (int join = 0; join < step.joins; ++join) {
    float* left = sum_at(step.slot - join - 1);
    sums.add(left, sum, count);
    sum = left;
  }
}

/// The same steps for any elements, with room of its own for what is held or fetched meanwhile.
class LeafFold {
 public:
  /// `leaves`: their subtrees, in lane order; `fetched`: how many are not here; `most`: elements of
  /// a call at most, whole chunks; `like`: where the sums lie. Borrows the group.
  LeafFold(const ProcessGroup& group,
           std::span<const Subtree> leaves,
           std::int64_t fetched,
           std::int64_t most,
           const at::TensorOptions& like);

  /// How many sums are left of one element's.
  int results() const { return results_; }

  /// sums: [results][elements], whole chunks; one leaf for each subtree. Throws kCollective where
  /// a peer has gone that is read.
  void operator()(std::span<const Leaf> leaves, std::int64_t elements, float* sums);

 private:
  std::int64_t window_of(std::int64_t run) const;
  void fetch(std::span<const Leaf> leaves, pipeline::ElementRange part, std::int64_t window);

  const ProcessGroup& group_;
  FlatSums sums_;
  std::vector<FoldStep> steps_;  ///< [leaves]
  int results_ = 0;
  std::int64_t leaves_fetched_;
  at::Tensor fetched_;  ///< [leaves_fetched_][window]
  at::Tensor held_;     ///< [sum beyond the results][run]
};

}  // namespace larkspur::distributed
