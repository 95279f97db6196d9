// SPDX-License-Identifier: Apache-2.0
// Lane gradients to owned sums and owned values to all ranks, with the same bits on any rank count.
//
//   lane_done(lane, b)                                       reduce()             gather(), wait(b)
//   gradients of bucket b --add--> sums of my subtrees       wait; finish the     owned values
//                                  --all_to_all b-->         tree of my chunks    --all_gather-->
//                                  (last lane)               --> owned gradient   flat values
//
// The all_to_all of a bucket starts inside backward, as soon as my last lane has filled the bucket,
// so it travels while the next buckets are computed; of ranks that are read, an address alone does,
// and their sums are fetched in reduce().
//
// Where hosts have several ranks (ProcessGroup::hosts) there are two levels, and a lane_done more
// between them:
//
//   bucket b is done: my sums --inside my host-->  bucket b + 1 is done: sums of my host's lanes,
//   of what I and my counterparts own, --to those counterparts-->  reduce(): finish the tree
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "distributed/flat_sums.h"
#include "distributed/lane_tree.h"
#include "distributed/leaf_fold.h"
#include "distributed/reduce_level.h"
#include "distributed/reduce_plan.h"
#include "distributed/row_mean.h"
#include "distributed/transport/process_group.h"
#include "pipeline/gradient_exchange.h"
#include "pipeline/lanes.h"
#include "pipeline/state/flat_parameters.h"

namespace larkspur::distributed {

/// Borrows the group and the parameters (float32), which must outlive it; the group moves the
/// memory that they lie in. Allocates its buffers once: with S sums held at a time (at most
/// log2(lanes.count) + 1; 1 for two lanes on as many ranks as a power of two) about S + 2 times the
/// gradients, S + 1 where all others are read. A rank of one lane holds no sums (S = 0): its
/// gradients go out from where they lie (with two levels if the other ranks of its host read them).
/// With two levels it makes room for its host's sums besides: about the gradients divided by the
/// host's ranks, times the subtrees of its lanes.
/// Where ranks read each other's memory (ProcessGroup::reads), only addresses travel before what
/// this rank answers for is fetched piece by piece, into the cache, from where it lies.
class TreeExchange : public pipeline::GradientExchange {
 public:
  /// `lanes` must be lanes_of_rank(group.rank(), group.size(), total) with total a power of two of
  /// at least group.size(). Throws kInvalidArgument otherwise, or when the parameters are
  /// not in the memory that the group moves.
  TreeExchange(ProcessGroup& group, pipeline::FlatParameters& flat, pipeline::Lanes lanes);

  /// Throws kInvalidArgument naming lane and bucket when it is not their turn.
  void lane_done(int lane, int bucket) override;

  bool lane_done_waits(int lane, int bucket) const override;

  /// Throws kInvalidArgument naming the first bucket that is not complete.
  at::Tensor reduce() override;

  at::Tensor mean_of_rows(const at::Tensor& mine, const std::vector<int>& rows) override {
    return row_mean_(mine, rows);
  }

  void gather() override;

  /// Throws kInvalidArgument naming a bucket that is not there.
  void wait(int bucket) override;

  /// For people: how many ranks, on which hosts, whose sums are read where they lie.
  std::string text() const;

 private:
  /// What one bucket needs, where the parameters lie. Levels point into the bucket's own buffers.
  struct Bucket {
    at::Tensor outgoing;   ///< [owner, by who answers for it][my subtree][owner's share]; of one
                           ///< lane, where it may be, the flat gradients
    at::Tensor held;       ///< [sum beyond my subtrees][bucket], while adding lanes
    at::Tensor host_sums;  ///< with two levels: [whom I stand for][subtree][its share]
    std::vector<OwnerSums> mine;      ///< [owner], in outgoing
    std::vector<ReduceLevel> levels;  ///< as planned
    std::vector<Block> values;        ///< [ranks] of the flat values
    int lanes_done = 0;
  };

  at::Tensor room_for(std::int64_t elements) const;
  pipeline::ElementRange share_of(int bucket, int owner) const;
  void make_folds();
  Bucket make_bucket(int index, float* owned) const;
  void place_lane_sums(int index, Bucket& bucket) const;
  void add_levels(int index, float* owned, Bucket& bucket) const;
  float* sum_at(int index, int slot, int owner);
  void take_lane(const FoldStep& step, int bucket);
  void start(int index, std::size_t level);
  void send_across(int index);

  ProcessGroup& group_;
  pipeline::FlatParameters& flat_;
  pipeline::Lanes lanes_;
  FlatSums sums_;
  std::vector<Subtree> my_subtrees_;
  std::vector<FoldStep> lane_steps_;  ///< one for each of my lanes
  std::vector<LevelPlan> plans_;      ///< one level, or inside hosts and across them
  std::vector<LeafFold> folds_;       ///< [levels]
  bool sends_gradients_ = false;      ///< from where they lie
  at::Tensor owned_;                  ///< what reduce() returns
  std::vector<Bucket> buckets_;
  RowMean row_mean_;
  std::vector<Pending> gathering_;  ///< [buckets]
};

}  // namespace larkspur::distributed
