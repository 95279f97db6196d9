// SPDX-License-Identifier: Apache-2.0
// One level of a bucket's reduction: ranks send each other the sums that they hold, and add what
// they get.
//
//   start(): my sums of what others answer for --all_to_all-->     of ranks that are read, where
//   finish(): <-- their sums of what I answer for, added             they lie: an address
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "distributed/leaf_fold.h"
#include "distributed/reduce_plan.h"
#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// What a rank holds, or makes, of one owner's chunks of a bucket.
struct OwnerSums {
  float* sums = nullptr;      ///< [subtree][elements]
  std::int64_t elements = 0;  ///< whole chunks
};

/// Borrows the group and all memory that it is shown.
class ReduceLevel {
 public:
  /// `mine`: [ranks], of every owner that the plan names, for each of my subtrees; those for one
  /// target lie one behind the other, in its order, unless it reads me. `results`: [plan.owners],
  /// what the fold of all sources' subtrees leaves. `like`: where it makes room for what arrives.
  ReduceLevel(ProcessGroup& group,
              const LevelPlan& plan,
              std::span<const OwnerSums> mine,
              std::span<const OwnerSums> results,
              const at::TensorOptions& like);

  /// Once my sums are whole; from then on they stay as they are until something that all ranks do
  /// together after finish() has ended: others read them. Throws kCollective.
  void start(std::string_view what);

  /// Waits for the others' and adds. `fold`: of the sources' subtrees. Throws kCollective.
  void finish(LeafFold& fold);

 private:
  void offer(const LevelPlan& plan, std::span<const OwnerSums> mine);
  void expect(const LevelPlan& plan,
              std::span<const OwnerSums> mine,
              const at::TensorOptions& like);
  void take_mine(const LevelPlan& plan, int subtrees, std::span<const OwnerSums> mine);
  void take_read(const LevelSource& source,
                 std::span<const std::uint64_t> found,
                 std::int64_t number);
  void take_sent(const LevelSource& source, const float* incoming);

  ProcessGroup& group_;
  Route route_;
  std::vector<OwnerSums> results_;
  std::vector<std::uint64_t> offered_;     ///< addresses: [targets][its owners]
  std::vector<std::uint64_t> found_;       ///< likewise: [source that is read][my owners]
  at::Tensor incoming_;                    ///< [source that is sent][my owners][its subtree][share]
  std::vector<ConstBlock> sends_;          ///< [ranks]
  std::vector<Block> receives_;            ///< [ranks]
  std::vector<std::vector<Leaf>> leaves_;  ///< [my owners][subtree of all sources]
  Pending pending_;                        ///< goes first, before the buffers
};

/// How many sums a LeafFold of these sources fetches.
std::int64_t subtrees_read(const ProcessGroup& group, const std::vector<LevelSource>& sources);

}  // namespace larkspur::distributed
