// SPDX-License-Identifier: Apache-2.0
// What the lane tree starts on a GPU, which no dispatcher sees: a kernel a sum and owner.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "distributed/lane_tree.h"
#include "pipeline/flat_layout.h"
#include "pipeline/lanes.h"

namespace larkspur::testing {

/// Kernels of one rank's TreeExchange in a step: `lanes` of its own, `finish` of what it owns.
/// tests/nccl_on_cpu holds their elements to what it does.
struct TreeKernels {
  std::int64_t lanes = 0, finish = 0;
  std::int64_t elements = 0;  ///< of all of them
};

inline std::int64_t kernels_of(const std::vector<distributed::Subtree>& leaves) {
  std::int64_t kernels = 0;
  for (const distributed::FoldStep& step : distributed::fold_steps(leaves)) {
    kernels += 1 + step.joins;
  }
  return kernels;
}

inline TreeKernels tree_kernels(const pipeline::FlatLayout& layout,
                                int rank,
                                int ranks,
                                int total_lanes) {
  const pipeline::Lanes mine = pipeline::lanes_of_rank(rank, ranks, total_lanes);
  std::vector<distributed::Subtree> lanes;
  for (int lane = 0; lane < mine.count; ++lane) lanes.push_back({mine.first + lane, 1});
  std::vector<distributed::Subtree> all;
  for (int other = 0; other < ranks; ++other) {
    const pipeline::Lanes theirs = pipeline::lanes_of_rank(other, ranks, total_lanes);
    const auto sent = distributed::subtrees(theirs.first, theirs.count);
    all.insert(all.end(), sent.begin(), sent.end());
  }
  TreeKernels kernels;
  for (int bucket = 0; bucket < layout.bucket_count(); ++bucket) {
    for (int owner = 0; owner < ranks; ++owner) {
      const std::int64_t share = layout.owned(bucket, owner, ranks).size();
      if (share == 0) continue;
      const std::int64_t finish = owner == rank ? kernels_of(all) : 0;
      kernels.lanes += kernels_of(lanes);
      kernels.finish += finish;
      kernels.elements += (kernels_of(lanes) + finish) * share;
    }
  }
  return kernels;
}

}  // namespace larkspur::testing
