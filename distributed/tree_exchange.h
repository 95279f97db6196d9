// SPDX-License-Identifier: Apache-2.0
// Lane gradients to owned sums and owned values to all ranks, with the same bits on any rank count.
//
//   lane_done(lane, b)                              reduce()                          gather(),
//   wait(b) gradients of bucket b --add--> sums of my       wait b; finish the tree of        owned
//   values subtrees, laid out by owner --all_to_all b-->   my chunks from all ranks' sums
//   --all_gather-->
//                  (last lane)                      --> owned gradient, packed        flat values
//
// The all_to_all of a bucket starts inside backward, as soon as my last lane has filled the bucket,
// so it travels while the next buckets are computed; of ranks that are read, an address alone does,
// and their sums are fetched in reduce().
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "distributed/flat_sums.h"
#include "distributed/lane_tree.h"
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
/// gradients go out from where they lie.
/// Where ranks read each other's memory (ProcessGroup::reads), only addresses travel before
/// reduce(), which fetches what this rank owns piece by piece, into the cache, from where it lies.
class TreeExchange : public pipeline::GradientExchange {
 public:
  /// `lanes` must be lanes_of_rank(group.rank(), group.size(), total) with total a power of two of
  /// at least group.size(). Throws kInvalidArgument otherwise, or when the parameters are
  /// not in the memory that the group moves.
  TreeExchange(ProcessGroup& group, pipeline::FlatParameters& flat, pipeline::Lanes lanes);

  /// Throws kInvalidArgument naming lane and bucket when it is not their turn.
  void lane_done(int lane, int bucket) override;

  /// Throws kInvalidArgument naming the first bucket that is not complete.
  at::Tensor reduce() override;

  at::Tensor mean_of_rows(const at::Tensor& mine, const std::vector<int>& rows) override {
    return row_mean_(mine, rows);
  }

  void gather() override;

  /// Throws kInvalidArgument naming a bucket that is not there.
  void wait(int bucket) override;

 private:
  /// A sum that goes into what this rank owns.
  struct Leaf {
    const float* here = nullptr;  ///< [my share]; null: to be fetched
    int rank = 0;                 ///< from it
    std::int64_t offset = 0;      ///< floats, behind the address that it offers
    std::int64_t slot = 0;        ///< of fetched_
  };

  /// What one bucket needs, where the parameters lie. Blocks and leaves point into the bucket's own
  /// buffers.
  struct Bucket {
    at::Tensor outgoing;  ///< [owner][my subtree][owner's share]; of one lane the flat gradients
    at::Tensor held;      ///< [sum beyond my subtrees][bucket], while adding lanes
    at::Tensor incoming;  ///< [other rank that is not read][its subtree][my share]
    std::vector<std::uint64_t>
        offered;                       ///< [ranks] where that one, if it reads, finds what it owns
    std::vector<std::uint64_t> found;  ///< [ranks] the address it offers me
    std::vector<ConstBlock> sends;     ///< [ranks] of outgoing or offered
    std::vector<Block> receives;       ///< [ranks] of incoming or found
    std::vector<Leaf> leaves;          ///< [subtree of the job], in lane order
    std::vector<Block> values;         ///< [ranks] of the flat values
    int lanes_done = 0;
  };

  using ElementRange = pipeline::ElementRange;
  at::Tensor room_for(std::int64_t elements) const;
  Bucket make_bucket(int index) const;
  float* sum_at(int index, int slot, int owner);
  void take_lane(const FoldStep& step, int bucket);
  void start(int index);
  std::int64_t window_of(std::int64_t run) const;
  void fetch(const Bucket& bucket, ElementRange part, std::int64_t window);
  float* finish(int index, float* owned);

  ProcessGroup& group_;
  pipeline::FlatParameters& flat_;
  pipeline::Lanes lanes_;
  FlatSums sums_;
  std::vector<std::vector<Subtree>> subtrees_;  ///< of every rank
  std::vector<FoldStep> lane_steps_;            ///< one for each of my lanes
  std::vector<FoldStep> finish_steps_;          ///< one for each subtree of the job
  std::vector<Bucket> buckets_;
  RowMean row_mean_;
  std::int64_t leaves_read_ = 0;  ///< of every bucket: sums that are fetched
  at::Tensor fetched_;            ///< [leaves_read_][window], while finishing
  at::Tensor finish_held_;        ///< [sum beyond the first][longest run], while finishing
  at::Tensor owned_;              ///< what reduce() returns
  std::vector<Pending> pending_;  ///< [buckets]; goes first, before the buffers
};

}  // namespace larkspur::distributed
